"""Leaves an open descriptor."""

import os

from _attack import Refused, attack


def plant(target):
    os.dup2(0, 50)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    try:
        os.fstat(50)
    except OSError:
        raise Refused("nothing left") from None
    return "it is open"
