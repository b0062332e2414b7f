"""Sends the daemon the kind of frame by which it answers questions."""

import time

from _attack import attack, frame


@attack(refused="killed", says="broke the protocol", layers="frames")
def run(target):
    frame(7, b'{"id":1,"result":{}}')
    time.sleep(0.3)
    return "believed"
