"""Removes a folder of another user."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    os.rmdir(target["victim_folder"])
    os.mkdir(target["victim_folder"])
