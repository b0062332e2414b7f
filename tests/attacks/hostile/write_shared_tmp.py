"""Writes a file where every process can read it."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    path = f"/tmp/mcpgate-attack-{os.getpid()}"
    open(path, "x").close()
    os.unlink(path)
