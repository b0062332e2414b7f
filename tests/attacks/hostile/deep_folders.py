"""Makes folders deeper than any path can name, so that nobody can count or remove them."""

import os
import time

from _attack import Refused, attack, patience_s


@attack(refused=("output", "ENOSPC"), strict="its own file system", layers="limits")
def run(target):
    for _ in range(1500):
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
    open("bottom", "w").close()
    if os.statvfs(".").f_files < 10_000:
        # The kernel counts them, and they go with the process: nobody has to find them.
        raise Refused("its own file system")
    time.sleep(patience_s(target))
    return "made"
