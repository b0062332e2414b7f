"""Stops the machine."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("reboot", 0, 0, 0, 0)
