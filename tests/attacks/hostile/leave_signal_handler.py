"""Leaves a signal handler."""

import signal

from _attack import Refused, attack


def plant(target):
    signal.signal(signal.SIGUSR1, lambda *_: None)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if callable(signal.getsignal(signal.SIGUSR1)):
        return "it stands"
    raise Refused("nothing left")
