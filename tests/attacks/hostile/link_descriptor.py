"""Gives a nameless file a name by linkat(2)."""

import os

from _attack import attack, syscall


@attack(
    refused=("EACCES", "EPERM"),
    strict=("ENOENT", "EACCES", "EPERM", "EROFS"),
    layers=("seccomp", "landlock"),
    control="plain",
    needs="root",
)
def run(target):
    file = os.open(target["other"], os.O_TMPFILE | os.O_RDWR, 0o600)
    name = target["other"] + "/named"
    syscall("linkat", file, b"", -100, name.encode(), 0x1000)
    os.unlink(name)
    return name
