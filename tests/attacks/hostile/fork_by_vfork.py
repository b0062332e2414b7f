"""Forks by vfork(2)'s flags of clone(2)."""

import os
import signal

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    pid = syscall("clone", 0x4000 | signal.SIGCHLD, 0, 0, 0, 0)  # CLONE_VFORK
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)
