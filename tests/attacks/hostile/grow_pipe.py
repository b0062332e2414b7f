"""Takes kernel memory by a pipe's buffer."""

import fcntl
import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    end, _ = os.pipe()
    return fcntl.fcntl(end, 1031, 1 << 20)  # F_SETPIPE_SZ
