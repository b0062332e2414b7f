"""Computes for ever."""

import time

from _attack import attack


@attack(refused="cpu", layers="rlimits", deadline=20.0)
def run(target):
    end = time.process_time() + 2.8
    while time.process_time() < end:
        pass
    return "2.8 s of CPU time"
