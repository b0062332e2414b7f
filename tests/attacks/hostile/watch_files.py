"""Watches what other users do with their files."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    descriptor = syscall("inotify_init1", 0)
    return syscall(254, descriptor, target["other"].encode(), 0x100)
