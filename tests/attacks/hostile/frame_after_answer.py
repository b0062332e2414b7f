"""Goes on reporting after its answer."""

import time

from _attack import PROGRESS, RESULT, attack, frame


@attack(refused="killed", says="a frame after its answer", layers="frames")
def run(target):
    frame(RESULT, b'{"content":[]}')
    frame(PROGRESS, b'{"progress":1}')
    time.sleep(0.3)
    return "believed"
