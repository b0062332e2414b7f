"""Makes names without end, in files without a byte."""

import time

from _attack import attack


@attack(refused=("output", "ENOSPC", "cpu"), layers="limits")
def run(target):
    for number in range(6000):
        open(f"file-{number}", "w").close()
    time.sleep(0.5)
    return "6000 files"
