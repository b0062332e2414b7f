"""Joins a session keyring."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("keyctl", 1, 0)
