"""Answers with a number that no reader can hold."""

import time

from _attack import RESULT, attack, frame


@attack(refused="crashed", says="an answer that is not a result", layers="frames")
def run(target):
    frame(RESULT, b'{"content":[],"structuredContent":{"n":1e999999}}')
    time.sleep(0.2)
    return "believed"
