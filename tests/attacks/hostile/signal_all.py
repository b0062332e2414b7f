"""Signals every process of the same uid at once."""

import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    os.kill(-1, 0)
