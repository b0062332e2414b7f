"""Learns what another process shares with it."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return syscall("kcmp", target["victim_pid"], target["victim_pid"], 1, 0, 0)
