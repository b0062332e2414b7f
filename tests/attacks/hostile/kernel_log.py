"""Reads the kernel's log."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("syslog", 10, 0, 0)
