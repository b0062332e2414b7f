"""Sends control characters to the operator's terminal."""

import time

from _attack import ERROR, attack, frame


@attack(refused="crashed", layers="frames")
def run(target):
    frame(ERROR, b"crashed\n\x1b[2J\x07\r\nforged line")
    time.sleep(0.2)
    return "believed"
