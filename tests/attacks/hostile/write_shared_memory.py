"""Writes a file in /dev/shm, which all users share."""

import os

from _attack import attack


@attack(refused=("EACCES", "ENOENT"), layers="landlock")
def run(target):
    path = f"/dev/shm/mcpgate-attack-{os.getpid()}"
    open(path, "x").close()
    os.unlink(path)
