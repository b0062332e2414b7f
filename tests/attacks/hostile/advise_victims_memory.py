"""Has another process's memory thrown out."""

import struct

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), control="plain", needs="root")
def run(target):
    handle = syscall("pidfd_open", target["victim_pid"], 0)
    there = struct.pack("PN", target["victim_address"] & ~4095, 4096)
    return syscall("process_madvise", handle, there, 1, 20, 0)  # MADV_COLD
