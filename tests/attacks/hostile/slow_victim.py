"""Lowers the priority of another process."""

import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    os.setpriority(os.PRIO_PROCESS, target["victim_pid"], 19)
