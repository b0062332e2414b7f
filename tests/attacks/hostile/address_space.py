"""Reserves more address space than the machine has."""

import mmap

from _attack import attack


@attack(refused=("memory", "OSError", "ENOMEM"), layers="rlimits")
def run(target):
    no_reserve = 0x4000  # MAP_NORESERVE
    return len(mmap.mmap(-1, 1 << 41, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve))
