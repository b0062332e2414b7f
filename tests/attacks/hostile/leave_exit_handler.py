"""Leaves a function that runs when a later call ends."""

import atexit

from _attack import Refused, attack


def plant(target):
    atexit.register(print, "left")


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if atexit._ncallbacks() > target.get("callbacks", 0):
        return atexit._ncallbacks()
    raise Refused("nothing left")
