"""Makes a timer that signals a thread of its choice."""

import ctypes

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("timer_create", 0, 0, ctypes.byref(ctypes.c_int()))
