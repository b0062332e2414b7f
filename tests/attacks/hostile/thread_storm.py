"""Starts as many threads as it can, each with a small stack, so that little address space is taken."""

import threading
import time

from _attack import attack, patience_s


@attack(refused=("killed", "RuntimeError", "memory"), layers="limits", control="plain")
def run(target):
    threading.stack_size(64 << 10)
    stop = threading.Event()
    try:
        for _ in range(1000):
            threading.Thread(target=stop.wait, daemon=True).start()
        time.sleep(patience_s(target))
    finally:
        stop.set()
    return "1000 threads"
