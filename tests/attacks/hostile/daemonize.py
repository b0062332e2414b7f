"""Forks twice and leaves its session, to live on after the call."""

import os
import time

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1)
        os._exit(0)
    return "a daemon lives"
