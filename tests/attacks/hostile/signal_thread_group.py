"""Signals a thread of another process by its group."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return syscall("tgkill", target["victim_pid"], target["victim_pid"], 0)
