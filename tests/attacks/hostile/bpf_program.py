"""Loads a program into the kernel."""

import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    attributes = struct.pack("IIII", 2, 4, 4, 1) + bytes(112)
    return syscall("bpf", 0, attributes, len(attributes))  # an array map
