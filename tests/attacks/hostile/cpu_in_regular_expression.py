"""Computes for ever inside a regular expression, in C."""

import re
import time

from _attack import attack


@attack(refused=("timeout", "cpu"), layers="limits", deadline=0.5)
def run(target):
    for size in range(25, 40):
        started = time.process_time()
        re.match("(a+)+$", "a" * size + "b")
        if time.process_time() - started > 0.8:
            return f"{size} letters"
    return "never slow"
