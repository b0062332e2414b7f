"""Forks until nothing else can."""

import os
import time

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    made = []
    for _ in range(200):
        pid = os.fork()
        if pid == 0:
            time.sleep(0.2)
            os._exit(0)
        made.append(pid)
    for pid in made:
        os.waitpid(pid, 0)
    return len(made)
