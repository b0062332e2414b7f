"""Enters the namespaces of another process by a handle of it."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), control="plain")
def run(target):
    handle = syscall("pidfd_open", target["victim_pid"], 0)
    return syscall("setns", handle, 0x04000000)
