"""Walks out of its folder by `..`."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    os.chdir("..")
    return os.listdir("..")
