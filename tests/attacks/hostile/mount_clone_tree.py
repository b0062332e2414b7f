"""Copies a tree of mounts to a descriptor."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("open_tree", -100, b"/", 1)
