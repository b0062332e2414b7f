"""Starts a session of its own."""

import os

from _attack import attack, in_child


@attack(refused="EPERM", layers="seccomp", control="plain")
def run(target):
    return in_child(lambda: os.setsid() and 0)
