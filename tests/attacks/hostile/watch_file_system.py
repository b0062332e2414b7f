"""Watches a whole file system."""

import os

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("fanotify_init", 0, os.O_RDONLY)
