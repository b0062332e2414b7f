"""Renames a file of another user."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    os.rename(target["victim_file"], target["victim_file"] + "2")
    os.rename(target["victim_file"] + "2", target["victim_file"])
