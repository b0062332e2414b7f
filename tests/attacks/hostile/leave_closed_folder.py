"""Leaves a folder that its owner may not enter, so that nothing of the call can be removed."""

import os
import time

from _attack import Refused, attack, patience_s, syscall


def plant(target):
    os.mkdir("outer")
    os.mkdir("outer/inner")
    syscall("chmod", b"outer", 0)
    os.umask(0o777)
    os.mkdir("closed")
    return os.getcwd()


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    until = time.monotonic() + patience_s(target)
    while time.monotonic() < until:
        if not os.path.exists(target["planted"] + "/closed"):
            raise Refused("nothing left")
        time.sleep(0.02)
    return target["planted"]
