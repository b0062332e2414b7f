"""Types into the operator's terminal."""

import errno
import fcntl

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    try:
        return fcntl.ioctl(1, 0x5412, b"x")  # TIOCSTI
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return "the kernel looked at it: ENOTTY"
