"""Leaves a key in the kernel for the next call."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("add_key", b"user", b"mcpgate-attack", b"x", 1, -3)
