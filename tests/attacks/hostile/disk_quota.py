"""Asks for and changes quotas."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("quotactl", 0x800007 << 8, 0, 0, 0)
