"""Has the kernel send signals to another process, as the owner of a pipe."""

import fcntl
import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    end, _ = os.pipe()
    fcntl.fcntl(end, fcntl.F_SETOWN, target["victim_pid"])
    return fcntl.fcntl(end, fcntl.F_GETFL)
