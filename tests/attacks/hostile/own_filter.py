"""Installs a system call filter of its own over ours."""

import ctypes

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("seccomp", 2, 0, ctypes.create_string_buffer(4))  # SECCOMP_GET_ACTION_AVAIL
