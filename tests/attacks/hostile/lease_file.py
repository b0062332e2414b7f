"""Takes a lease that stalls whoever opens the tool set's file."""

import fcntl
import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    file = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    return fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
