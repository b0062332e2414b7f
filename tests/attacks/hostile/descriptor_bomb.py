"""Opens files without end."""

import os

from _attack import attack


@attack(refused="EMFILE", layers="rlimits")
def run(target):
    return len([os.dup(0) for _ in range(1000)])
