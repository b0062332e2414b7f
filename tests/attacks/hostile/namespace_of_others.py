"""Enters the namespaces of another process."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("setns", 0, 0)
