"""Gives pages of its memory to a pipe."""

import ctypes
import os
import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    _, write_end = os.pipe()
    buffer = ctypes.create_string_buffer(4096)
    part = struct.pack("PN", ctypes.addressof(buffer), 4096)
    return syscall("vmsplice", write_end, part, 1, 0)
