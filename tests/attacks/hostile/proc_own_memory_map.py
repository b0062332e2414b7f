"""Reads where everything lies in its memory."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers=("landlock", "not-dumpable"))
def run(target):
    return open("/proc/self/maps").readline()
