"""Hides a new namespace among a thread's flags."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("clone", 0x100 | 0x10000 | 0x10000000, 0, 0, 0, 0)
