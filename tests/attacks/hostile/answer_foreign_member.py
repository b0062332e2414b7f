"""Answers with a member that belongs to the daemon."""

import time

from _attack import RESULT, attack, frame


@attack(refused="crashed", says="an answer that is not a result", layers="frames")
def run(target):
    frame(RESULT, b'{"content":[],"usage":{"cpu_ms":0},"profile":"strict"}')
    time.sleep(0.2)
    return "believed"
