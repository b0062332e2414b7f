"""Makes a queue of asynchronous input and output."""

import ctypes

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("io_setup", 1, ctypes.byref(ctypes.c_ulong()))
