"""Replaces the harness's own function, to see the next user's arguments."""

import sys

from _attack import Refused, attack


def plant(target):
    sys.modules["left"] = sys


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if "left" in sys.modules:
        return "replaced"
    raise Refused("nothing left")
