"""Reads the environment it was started with."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers=("landlock", "not-dumpable"))
def run(target):
    return open("/proc/self/environ", "rb").read()
