"""Opens the program of the zygote to change it."""

import os

from _attack import attack


@attack(
    refused=("EACCES", "ETXTBSY"),
    strict=("ENOENT", "EACCES", "EROFS"),
    layers="landlock",
    control="plain",
)
def run(target):
    copy = target["executable"] + ".new"
    open(copy, "wb").close()
    os.unlink(copy)
    return copy
