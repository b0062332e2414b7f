"""Answers with JSON so deep that a careless parser overflows its stack."""

import time

from _attack import RESULT, attack, frame


@attack(refused="crashed", says="an answer that is not a result", layers="frames")
def run(target):
    frame(RESULT, b"[" * 100_000 + b"]" * 100_000)
    time.sleep(0.2)
    return "believed"
