"""Signals the daemon."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.kill(target["daemon_pid"], 0)
