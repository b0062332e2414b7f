"""Starts threads without end."""

import threading

from _attack import attack


@attack(refused=("RuntimeError", "memory"), layers=("rlimits", "limits"))
def run(target):
    stop = threading.Event()
    try:
        for _ in range(200):
            threading.Thread(target=stop.wait, daemon=True).start()
    finally:
        stop.set()
    return "600 threads"
