"""Makes folders deeper than any path can name, so that nobody can count or remove them."""

import os
import time

from _attack import attack


@attack(refused=("output", "ENOSPC"), layers="limits")
def run(target):
    for _ in range(1500):
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
    open("bottom", "w").close()
    time.sleep(0.5)
    return "made"
