"""Never ends."""

import time

from _attack import attack


@attack(refused="timeout", layers="limits", deadline=1.0)
def run(target):
    time.sleep(2)
    return "slept on"
