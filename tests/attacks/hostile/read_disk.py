"""Reads the machine's disk below the file system."""

import os

from _attack import attack


@attack(
    refused="EACCES",
    strict=("ENOENT", "EACCES"),
    layers=("landlock", "capabilities"),
    needs="root",
)
def run(target):
    for name in ("vda", "sda", "nvme0n1", "mem", "kmsg"):
        try:
            return len(open("/dev/" + name, "rb", buffering=0).read(1))
        except OSError:
            continue
    return os.listdir("/dev")
