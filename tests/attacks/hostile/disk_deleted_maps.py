"""Keeps deleted files by their mappings, without a descriptor each."""

import mmap
import os
import time

from _attack import attack, fill_by_writing


@attack(
    refused=("output", "ENOSPC", "memory"),
    layers="limits",
    control="plain",
    open={
        "pod": "up to addressSpace; a sized volume for $TMPDIR bounds it",
    },
)
def run(target):
    kept = []
    for number in range(20):
        path = f"file-{number}"
        fill_by_writing(path, 4 << 20)
        with open(path, "rb") as file:
            kept.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        os.unlink(path)
    time.sleep(0.5)
    return f"{4 * len(kept)} MiB"
