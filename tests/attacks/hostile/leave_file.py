"""Leaves a file in the working directory."""

import os

from _attack import Refused, attack


def plant(target):
    open("left", "w").close()


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if os.path.exists("left"):
        return "found"
    raise Refused("nothing left")
