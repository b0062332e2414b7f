"""Answers with a key twice, which two parsers read in two ways."""

import time

from _attack import RESULT, attack, frame


@attack(refused="crashed", says="an answer that is not a result", layers="frames")
def run(target):
    frame(RESULT, b'{"content":[],"isError":true,"isError":false}')
    time.sleep(0.2)
    return "believed"
