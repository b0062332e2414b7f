"""Answers twice: the second answer takes the place of the first, or reaches the next call."""

import time

from _attack import RESULT, attack, frame


# It depends on the moment whether the second one is seen at all; the first one stands then.
@attack(refused=("killed", "tool error"), layers="frames")
def run(target):
    frame(RESULT, b'{"content":[]}')
    frame(RESULT, b'{"content":[],"structuredContent":{"worked":"the second counts"}}')
    time.sleep(0.3)
    return "believed"
