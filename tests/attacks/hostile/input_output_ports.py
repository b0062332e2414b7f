"""Speaks to devices directly."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("ioperm", 0x80, 1, 1)
