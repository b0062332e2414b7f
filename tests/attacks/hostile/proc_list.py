"""Lists the processes of the machine."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers="landlock")
def run(target):
    return os.listdir("/proc")
