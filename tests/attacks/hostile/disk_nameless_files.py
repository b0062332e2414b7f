"""Fills the disk by files without a name, which no walk through the folder finds."""

import os
import time

from _attack import attack, fill_by_writing


@attack(
    refused=("output", "ENOSPC"),
    layers="limits",
    control="plain",
    open={
        "pod": "up to tmp × open files (64); a sized volume for $TMPDIR bounds it",
    },
)
def run(target):
    kept = []
    for number in range(20):
        path = f"file-{number}"
        fill_by_writing(path, 4 << 20)
        kept.append(os.open(path, os.O_RDONLY))
        os.unlink(path)
    time.sleep(0.5)
    return f"{4 * len(kept)} MiB"
