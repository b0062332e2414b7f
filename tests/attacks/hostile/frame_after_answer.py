"""Goes on reporting after its answer."""

import time

from _attack import PROGRESS, RESULT, attack, frame


# It depends on the moment whether that is seen at all; the answer stands then, and nobody reads on.
@attack(refused=("killed", "tool error"), layers="frames")
def run(target):
    frame(RESULT, b'{"content":[]}')
    frame(PROGRESS, b'{"progress":1}')
    time.sleep(0.3)
    return "believed"
