"""Becomes a shell."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    read_end, write_end = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.execv("/bin/sh", ["sh", "-c", "exit 0"])
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", "exit 0"])
    return os.waitpid(pid, 0)[1]
