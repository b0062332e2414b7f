"""Searches its memory for what the zygote was told of other calls."""

import ctypes
import os
import re

from _attack import Refused, attack, in_daemon, syscall


@attack(refused="nothing found", layers="zygote", control="plain")
def run(target):
    own = os.path.basename(os.getcwd()).encode()
    mark = b"/other"
    if in_daemon(target):
        mark = os.path.basename(target["scratch"]).encode() + b"/"
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = ctypes.c_void_p
    page = (libc.sbrk(0) - 1) & ~4095
    read_end, write_end = os.pipe()
    heap = []
    while True:
        # write(2) answers EFAULT where nothing is mapped.
        try:
            syscall("write", write_end, page, 4096)
        except OSError:
            break
        heap.append(os.read(read_end, 4096))
        page -= 4096
    memory = b"".join(reversed(heap))
    found = set(re.findall(re.escape(mark) + rb"[\w.-]+/([\w.-]{16,})", memory)) - {own}
    if not in_daemon(target) and mark in memory:
        return "the heap can be searched"
    if found:
        return found
    raise Refused("nothing found")
