"""Writes another process's memory."""

import ctypes
import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    buffer = ctypes.create_string_buffer(b"victim-secret")
    here = struct.pack("PN", ctypes.addressof(buffer), 13)
    there = struct.pack("PN", target["victim_address"], 13)
    return syscall("process_vm_writev", target["victim_pid"], here, 1, there, 1, 0)
