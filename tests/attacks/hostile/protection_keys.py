"""Allocates a protection key."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("pkey_alloc", 99, 99)
