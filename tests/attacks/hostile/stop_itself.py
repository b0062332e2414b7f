"""Stops itself, so that it can never end."""

import os
import signal
import time

from _attack import attack


@attack(refused="timeout", layers="limits", deadline=1.0)
def run(target):
    def wake():
        time.sleep(2)
        os.kill(os.getpid(), signal.SIGCONT)

    try:
        if os.fork() == 0:
            wait_for = os.getppid()
            time.sleep(2)
            os.kill(wait_for, signal.SIGCONT)
            os._exit(0)
    except OSError:
        pass  # here nobody can wake it
    os.kill(os.getpid(), signal.SIGSTOP)
    return "stopped, and woken by its own child"
