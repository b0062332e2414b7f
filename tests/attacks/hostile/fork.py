"""Forks."""

from _attack import attack, in_child


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return in_child(lambda: 7)
