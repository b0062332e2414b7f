"""Makes names without end, in files without a byte."""

import time

from _attack import attack, patience_s


@attack(refused=("output", "ENOSPC", "cpu"), layers="limits")
def run(target):
    for number in range(6000):
        open(f"file-{number}", "w").close()
    time.sleep(patience_s(target))
    return "6000 files"
