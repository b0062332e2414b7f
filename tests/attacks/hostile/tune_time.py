"""Reads and tunes how the clock runs."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("adjtimex", bytes(208))
