"""Moves a file of its own to another user."""

import os

from _attack import attack


@attack(
    refused=("EACCES", "EXDEV"),
    strict=("ENOENT", "EACCES", "EXDEV", "EROFS"),
    layers="landlock",
)
def run(target):
    open("mine", "w").close()
    os.rename("mine", target["other"] + "/planted")
    os.unlink(target["other"] + "/planted")
