"""Moves another process's memory between nodes."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return reaches_kernel("migrate_pages", target["victim_pid"], 0, 0, 0)
