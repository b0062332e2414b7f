"""Makes system calls by a queue that no filter sees."""

import ctypes

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("io_uring_setup", 4, ctypes.create_string_buffer(120))
