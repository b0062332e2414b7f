"""Lists the control groups, where limits are kept."""

import os

from _attack import attack


@attack(refused=("EACCES", "ENOENT"), layers="landlock")
def run(target):
    return os.listdir("/sys/fs/cgroup")
