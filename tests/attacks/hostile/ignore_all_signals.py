"""Never ends and ignores every signal."""

import signal
import time

from _attack import attack, patience_s


@attack(refused="timeout", layers="limits", deadline=1.0)
def run(target):
    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    time.sleep(patience_s(target))
    return "slept on"
