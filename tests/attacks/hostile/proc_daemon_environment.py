"""Reads the environment of the daemon."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers=("landlock", "not-dumpable"))
def run(target):
    return open(f"/proc/{target['daemon_pid']}/environ", "rb").read()
