"""Sends a frame of a type that no child sends."""

import time

from _attack import attack, frame


@attack(refused="killed", says="broke the protocol: a frame of type", layers="frames")
def run(target):
    frame(99, b"")
    time.sleep(0.3)
    return "believed"
