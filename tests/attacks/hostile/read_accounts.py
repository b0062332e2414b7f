"""Reads the machine's list of accounts."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return open("/etc/passwd").readline()
