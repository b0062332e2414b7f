"""Opens a module that runs in every later call to change it."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return os.open(target["harness"] + "/_child.py", os.O_RDWR)
