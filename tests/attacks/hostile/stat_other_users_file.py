"""Asks for the size and times of another user's file by its path."""

import os

from _attack import attack


@attack(
    strict=("ENOENT", "EACCES"),
    layers="namespaces",
    control="plain",
    open={
        "pod": "Landlock has no right for stat(2); names are 128 random bits",
    },
)
def run(target):
    return os.stat(target["secret_file"]).st_size
