"""Leaves a lock on a file that all calls share."""

import fcntl
import os

from _attack import Refused, attack

KEPT = []


def plant(target):
    file = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    KEPT.append(file)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    file = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "it is locked"
    raise Refused("nothing left")
