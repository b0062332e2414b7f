"""Sends a signal with a forged sender."""

import ctypes
import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    info = ctypes.create_string_buffer(struct.pack("iiiiII", 0, 0, -1, 0, 1, 0) + bytes(104))
    return syscall("rt_sigqueueinfo", target["victim_pid"], 0, info)
