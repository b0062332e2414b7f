"""Looks for the strings of the environment where the kernel put them, above the stack."""

import ctypes
import os

from _attack import Refused, attack, syscall


@attack(refused="nothing found", layers="empty environment of the zygote")
def run(target):
    name = ctypes.c_char_p.in_dll(ctypes.CDLL(None), "program_invocation_name")
    start = ctypes.cast(name, ctypes.c_void_p).value
    read_end, write_end = os.pipe()
    found = b""
    for page in range(0, 64 * 4096, 4096):
        # write(2) answers EFAULT where nothing is mapped; reading it here would kill the process.
        address = (start & ~4095) + page
        try:
            syscall("write", write_end, address, 4096)
        except OSError:
            break
        found += os.read(read_end, 4096)
    if b"canary-of-the-daemon" not in found:
        raise Refused("nothing found")
    return "found"
