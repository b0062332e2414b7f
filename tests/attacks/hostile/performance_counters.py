"""Measures other processes by the CPU's counters."""

import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    attributes = struct.pack("IIQ", 1, 112, 0) + bytes(96)  # software, cpu-clock
    return syscall("perf_event_open", attributes, 0, -1, -1, 0)
