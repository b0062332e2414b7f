"""Hands a capability on to what it executes."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"))
def run(target):
    return reaches_kernel("prctl", 47, 1, 0, 0, 0)
