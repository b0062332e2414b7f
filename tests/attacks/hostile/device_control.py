"""Sends a device a command that the filter does not know."""

import errno
import fcntl

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    try:
        return fcntl.ioctl(0, 0xDEAD)
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return "the kernel looked at it: ENOTTY"
