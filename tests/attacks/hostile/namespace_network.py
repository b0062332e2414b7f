"""Enters a network of its own."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("unshare", 0x40000000)
