"""Sets a variable of the environment for the calls after it."""

import os

from _attack import Refused, attack


def plant(target):
    os.environ["LEFT"] = "bob"


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if "LEFT" in os.environ:
        return os.environ["LEFT"]
    raise Refused("nothing left")
