"""Reads a module's variable that another user's call has set."""

from _attack import Refused, attack

SEEN = []


def plant(target):
    SEEN.append("bob")


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if SEEN:
        return SEEN
    raise Refused("nothing left")
