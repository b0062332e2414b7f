"""Writes its own code through /proc/self/mem, past the protection of the pages."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers=("landlock", "not-dumpable"))
def run(target):
    return os.open("/proc/self/mem", os.O_RDWR)
