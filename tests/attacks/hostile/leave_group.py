"""Starts a process group of its own."""

import os

from _attack import attack, in_child


@attack(refused="EPERM", layers="seccomp", control="plain")
def run(target):
    return in_child(lambda: os.setpgid(0, 0) or 0)
