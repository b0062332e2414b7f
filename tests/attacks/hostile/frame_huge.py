"""Announces a frame of 4 GiB."""

import os
import time

from _attack import attack, frame


@attack(refused="killed", says="broke the protocol: a frame of 4294967295 bytes", layers="frames")
def run(target):
    os.write(3, b"\xff\xff\xff\xff\x02")
    time.sleep(0.3)
    return "believed"
