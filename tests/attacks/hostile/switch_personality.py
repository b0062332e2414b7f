"""Switches off the randomness of addresses."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("personality", 0x40000)
