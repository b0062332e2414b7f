"""Lists the home folder."""

import os

from _attack import attack


@attack(refused=("EACCES", "ENOENT"), layers="landlock")
def run(target):
    return os.listdir("/home")
