"""Computes for ever and ignores the signal that says so."""

import signal
import time

from _attack import attack


@attack(refused="cpu", layers="rlimits", deadline=20.0)
def run(target):
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    end = time.process_time() + 2.8
    while time.process_time() < end:
        pass
    return "2.8 s of CPU time"
