"""Takes kernel memory by pipes without end."""

import os

from _attack import attack


@attack(refused="EMFILE", layers="rlimits")
def run(target):
    for _ in range(500):
        _, end = os.pipe()
        os.set_blocking(end, False)
        os.write(end, bytes(65536))
    return "500 full pipes"
