"""Reads the addresses of the kernel's functions."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers="landlock")
def run(target):
    return open("/proc/kallsyms").readline()
