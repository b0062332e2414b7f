"""Sends half a header and holds the connection."""

import os
import time

from _attack import attack, patience_s


@attack(refused="timeout", layers="frames", deadline=1.0)
def run(target):
    os.write(3, b"\x05\0")
    time.sleep(patience_s(target))
    return "the reader waits for the rest"
