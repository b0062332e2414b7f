"""Binds its memory to a node of the machine."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("mbind", 0, 4096, 0, 0, 0, 0)
