"""Signals another user's running call."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.kill(target["sibling_pid"], 0)
