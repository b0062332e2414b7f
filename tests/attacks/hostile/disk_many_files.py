"""Writes many small files."""

import time

from _attack import attack, fill_by_writing, patience_s


@attack(refused=("output", "ENOSPC"), layers="limits")
def run(target):
    for number in range(100):
        fill_by_writing(f"file-{number}", 1 << 20)
        time.sleep(0.01)
    time.sleep(patience_s(target))
    return "100 MiB"
