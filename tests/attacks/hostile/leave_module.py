"""Replaces a standard module for the calls after it."""

import sys

from _attack import Refused, attack


def plant(target):
    sys.modules["json"] = None


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if sys.modules.get("json") is None and "json" in sys.modules:
        return "replaced"
    raise Refused("nothing left")
