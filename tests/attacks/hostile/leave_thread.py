"""Leaves a thread that goes on."""

import threading
import time

from _attack import Refused, attack


def plant(target):
    threading.Thread(target=time.sleep, args=(5,), name="left", daemon=True).start()


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if any(thread.name == "left" for thread in threading.enumerate()):
        return "it runs"
    raise Refused("nothing left")
