"""Never ends."""

import time

from _attack import attack, patience_s


@attack(refused="timeout", layers="limits", deadline=1.0)
def run(target):
    time.sleep(patience_s(target))
    return "slept on"
