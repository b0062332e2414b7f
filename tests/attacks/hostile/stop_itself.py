"""Stops itself, so that it can never end."""

import os
import signal
import time

from _attack import Refused, attack


@attack(refused="timeout", strict="ignored", layers="limits", deadline=1.0)
def run(target):
    try:
        if os.fork() == 0:
            wait_for = os.getppid()
            time.sleep(4)
            os.kill(wait_for, signal.SIGCONT)
            os._exit(0)
    except OSError:
        pass  # here nobody can wake it
    before = time.monotonic()
    os.kill(os.getpid(), signal.SIGSTOP)
    if time.monotonic() - before < 3:
        raise Refused("ignored")  # by the first process of a pid namespace
    return "stopped, and woken by its own child"
