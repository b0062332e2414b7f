"""Mounts by the file-descriptor interface."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return syscall("fsopen", b"tmpfs", 0)
