"""Opens Python's own library to change it."""

import os

from _attack import attack


@attack(
    refused=("EACCES", "EROFS"),
    strict=("EACCES", "EROFS", "ENOENT"),
    layers=("landlock", "uid"),
    control="plain",
    needs="root",
)
def run(target):
    return os.open("/usr/lib/python3.11/os.py", os.O_WRONLY)
