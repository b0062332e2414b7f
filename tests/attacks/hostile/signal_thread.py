"""Signals a thread of another process."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return syscall("tkill", target["victim_pid"], 0)
