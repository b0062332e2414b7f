"""Begins an answer and leaves."""

import os

from _attack import attack, in_daemon


@attack(refused="crashed", says="ended without an answer", layers="frames")
def run(target):
    if in_daemon(target):
        os.write(3, b"\xff\0\0\0\x02{")
        os._exit(0)
    os.write(3, b"\xff\0\0\0\x02{")
    return "the reader waits for the rest"
