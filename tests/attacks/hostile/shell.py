"""Runs a shell by os.system."""

import os

from _attack import Refused, attack


@attack(refused="exit 127", layers=("seccomp", "landlock"))
def run(target):
    code = os.system("exit 0")
    if code != 0:
        raise Refused("exit 127" if code in (-1, 127 << 8) else f"exit {code}")
    return "ran"
