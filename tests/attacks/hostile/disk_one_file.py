"""Writes one big file."""

from _attack import attack, fill_by_writing


@attack(refused=("EFBIG", "ENOSPC", "output"), layers="rlimits")
def run(target):
    return fill_by_writing("big", 64 << 20)
