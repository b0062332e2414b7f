"""Signals a process of the same uid."""

import os
import signal

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.kill(target["victim_pid"], signal.SIGCONT)
