"""Reads a file of another user, which the kernel sees as our own."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return open(target["secret_file"]).read()
