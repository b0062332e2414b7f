"""Asks to be scheduled before all others."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
