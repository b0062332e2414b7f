"""Moves a file of another user into its own folder."""

import os

from _attack import attack


@attack(
    refused=("EACCES", "EXDEV"),
    strict=("ENOENT", "EACCES", "EXDEV", "EROFS"),
    layers="landlock",
)
def run(target):
    os.rename(target["victim_file"], "stolen")
    return os.rename("stolen", target["victim_file"])
