"""Reads the connections of the machine."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers="landlock")
def run(target):
    return open("/proc/net/tcp").readline()
