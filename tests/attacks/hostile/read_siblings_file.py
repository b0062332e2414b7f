"""Reads what another user's running call has written."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return open(target["sibling_file"]).read()
