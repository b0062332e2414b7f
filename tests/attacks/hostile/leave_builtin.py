"""Replaces a builtin for the calls after it."""

import builtins

from _attack import Refused, attack


def plant(target):
    builtins.ascii = lambda _: "42"


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if ascii("") == "42":
        return "replaced"
    raise Refused("nothing left")
