"""Computes for ever inside a regular expression."""

import re
import time

from _attack import attack


@attack(refused=("cpu", "timeout"), layers=("rlimits", "limits"), deadline=20.0)
def run(target):
    for size in range(24, 40):
        started = time.process_time()
        re.match("(a+)+$", "a" * size + "b")
        if time.process_time() - started > 1.5:
            return f"{size} letters"
    return "never slow"
