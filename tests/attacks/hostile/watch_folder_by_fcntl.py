"""Asks for a signal at each change of a folder that it may read."""

import fcntl
import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    folder = os.open(target["tool_set"], os.O_RDONLY)
    return fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_CREATE)
