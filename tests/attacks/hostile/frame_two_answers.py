"""Answers twice, so that the second answer may reach the next call."""

import time

from _attack import RESULT, attack, frame


@attack(refused="killed", says="a frame after its answer", layers="frames")
def run(target):
    frame(RESULT, b'{"content":[]}')
    frame(RESULT, b'{"content":[]}')
    time.sleep(0.3)
    return "believed"
