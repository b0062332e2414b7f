"""Moves its workspace away and puts a folder of its choice in that place, for the next call."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("EACCES", "EBUSY", "EROFS"), layers="landlock", workspace=True)
def run(target):
    away = target["workspace"] + "-away"
    os.rename(target["workspace"], away)
    os.mkdir(target["workspace"])
    os.rmdir(target["workspace"])
    os.rename(away, target["workspace"])
    return "swapped"
