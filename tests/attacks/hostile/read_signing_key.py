"""Reads the key that the gateway signs calls with."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return len(open(target["key_file"]).read())
