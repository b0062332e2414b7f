"""Hides a forbidden option below bits that the kernel ignores."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("prctl", 4 | 1 << 32, 1, 0, 0, 0)
