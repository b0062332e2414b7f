"""Computes in several threads, each below the limit."""

import hashlib
import threading
import time

from _attack import attack


@attack(refused="cpu", layers="rlimits", deadline=20.0)
def run(target):
    def spin():
        while time.process_time() < end:
            hashlib.sha256(data).digest()

    data = bytes(1 << 20)
    end = time.process_time() + 2.5
    threads = [threading.Thread(target=spin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "2.5 s of CPU time"
