"""Leaves a timer that kills the next call."""

import signal

from _attack import Refused, attack


def plant(target):
    signal.setitimer(signal.ITIMER_REAL, 100)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        return "it runs"
    raise Refused("nothing left")
