"""Answers with what is no JSON."""

import time

from _attack import RESULT, attack, frame


@attack(refused="crashed", says="an answer that is not a result", layers="frames")
def run(target):
    frame(RESULT, b"{not json")
    time.sleep(0.2)
    return "believed"
