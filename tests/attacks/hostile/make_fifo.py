"""Makes a FIFO that stalls whoever opens it."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.mkfifo("fifo")
