"""Prints without end."""

import os

from _attack import attack


@attack(refused="output", layers="limits")
def run(target):
    for _ in range(40):
        os.write(1, b"x" * (1 << 20))
    return "40 MiB"
