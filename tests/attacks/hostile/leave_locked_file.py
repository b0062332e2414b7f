"""Leaves a lock on a file that all calls share."""

import fcntl
import os
import time

from _attack import Refused, attack, patience_s

KEPT = []


def plant(target):
    file = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    KEPT.append(file)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    file = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    until = time.monotonic() + patience_s(target)
    while time.monotonic() < until:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise Refused("nothing left")
        except BlockingIOError:
            time.sleep(0.01)
    return "it is locked"
