"""Takes capabilities."""

import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    header = struct.pack("Ii", 0x20080522, 0)
    return syscall("capset", header, struct.pack("6I", 1 << 21, 1 << 21, 0, 0, 0, 0))
