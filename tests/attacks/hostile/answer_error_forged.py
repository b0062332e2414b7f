"""Claims in an error frame that the sandbox ended it for its time."""

import time

from _attack import ERROR, attack, frame


@attack(refused="crashed", layers="frames")
def run(target):
    frame(ERROR, b"timeout\ndid not end within 30 s")
    time.sleep(0.2)
    return "believed"
