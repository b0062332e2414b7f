"""Pins another process to a core."""

import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    os.sched_setaffinity(target["victim_pid"], os.sched_getaffinity(0))
