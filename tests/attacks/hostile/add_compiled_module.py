"""Puts compiled code where Python looks for it."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    path = target["harness"] + "/__pycache__"
    os.mkdir(path)
    os.rmdir(path)
