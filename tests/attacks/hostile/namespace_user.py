"""Becomes root in a user namespace of its own."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("unshare", 0x10000000)
