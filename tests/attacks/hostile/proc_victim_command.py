"""Reads how another process was started."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers="landlock")
def run(target):
    return open(f"/proc/{target['victim_pid']}/cmdline").read()
