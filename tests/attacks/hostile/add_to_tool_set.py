"""Adds a tool for later calls."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    path = target["tool_set"] + "/added.txt"
    open(path, "x").close()
    os.unlink(path)
