"""Lists the folder that holds the temporary folders of all calls."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return os.listdir(target["scratch"])
