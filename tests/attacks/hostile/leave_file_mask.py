"""Leaves a file mask that opens the next user's files."""

import os

from _attack import Refused, attack


def plant(target):
    os.umask(0)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    mask = os.umask(0o077)
    if mask != 0o077:
        return oct(mask)
    raise Refused("nothing left")
