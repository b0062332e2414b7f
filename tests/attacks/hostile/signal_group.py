"""Signals its process group, in which its siblings are."""

import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    os.kill(0, 0)
