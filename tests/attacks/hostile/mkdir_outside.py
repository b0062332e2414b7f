"""Makes a folder beside another user's."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    os.mkdir(target["other"] + "/new")
    os.rmdir(target["other"] + "/new")
