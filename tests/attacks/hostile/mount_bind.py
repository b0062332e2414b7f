"""Mounts another user's folder over its own."""

import os

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("mount", target["other"].encode(), os.getcwd().encode(), 0, 4096, 0)
