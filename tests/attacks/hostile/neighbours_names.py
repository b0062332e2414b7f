"""Searches its memory for what the zygote was told of another call: the name of its folder."""

import ctypes
import os

from _attack import Refused, attack, in_daemon, syscall


def plant(target):
    # Backwards, since the request is in the attacker's memory too.
    return os.path.basename(os.getcwd())[::-1]


def heap() -> bytes:
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = ctypes.c_void_p
    page = (libc.sbrk(0) - 1) & ~4095
    read_end, write_end = os.pipe()
    pages = []
    while True:
        # write(2) answers EFAULT where nothing is mapped; reading it here would kill the process.
        try:
            syscall("write", write_end, page, 4096)
        except OSError:
            break
        pages.append(os.read(read_end, 4096))
        page -= 4096
    return b"".join(reversed(pages))


@attack(refused="nothing found", layers="zygote", control="plain", plant=plant)
def run(target):
    # Of a block that was freed the allocator overwrites the first 16 bytes.
    name = target["planted"][::-1].encode()
    kept = b"" if in_daemon(target) else name + bytes(50_000)
    if name != b"mcpgate-tmp" and name[-7:] in heap():
        return f"the name of the folder of the call before ends with {name[-7:]!r}, {len(kept)}"
    raise Refused("nothing found")
