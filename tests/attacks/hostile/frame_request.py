"""Sends the daemon's own kind of frame back to it."""

import time

from _attack import attack, frame


@attack(refused="killed", says="broke the protocol", layers="frames")
def run(target):
    frame(1, b"{}")
    time.sleep(0.3)
    return "believed"
