"""Forks by the bare clone(2)."""

import os
import signal

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    pid = syscall("clone", signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)
