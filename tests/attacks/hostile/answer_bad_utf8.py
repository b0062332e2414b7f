"""Answers with bytes that are no UTF-8."""

import time

from _attack import RESULT, attack, frame


@attack(refused="crashed", says="an answer that is not a result", layers="frames")
def run(target):
    frame(RESULT, b'{"content":[{"type":"text","text":"\xff\xfe"}]}')
    time.sleep(0.2)
    return "believed"
