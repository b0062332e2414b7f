"""Removes a file of another user."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    os.unlink(target["victim_file"])
    open(target["victim_file"], "w").close()
