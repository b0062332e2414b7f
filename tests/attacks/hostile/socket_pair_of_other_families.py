"""Makes a connected pair of another family."""

import ctypes
import errno

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    try:
        return syscall("socketpair", 30, 1, 0, (ctypes.c_int * 2)())  # AF_TIPC
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return "the kernel looked at it: EAFNOSUPPORT"
