"""Writes many small files."""

import time

from _attack import attack, fill_by_writing


@attack(refused=("output", "ENOSPC"), layers="limits")
def run(target):
    for number in range(100):
        fill_by_writing(f"file-{number}", 1 << 20)
        time.sleep(0.01)
    return "100 MiB"
