"""Locks its memory, so that it cannot be taken back."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp", control="plain", needs="root")
def run(target):
    return syscall("mlockall", 1)
