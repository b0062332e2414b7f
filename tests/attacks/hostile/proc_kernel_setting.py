"""Changes a setting of the kernel."""

import os

from _attack import attack


@attack(
    refused=("EACCES", "EROFS"),
    strict=("ENOENT", "EACCES"),
    layers=("landlock", "capabilities"),
    needs="root",
)
def run(target):
    return os.open("/proc/sys/kernel/hostname", os.O_WRONLY)
