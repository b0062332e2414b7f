"""Reads the machine's password hashes."""

from _attack import attack


@attack(
    refused="EACCES",
    strict=("ENOENT", "EACCES"),
    layers=("landlock", "capabilities"),
    needs="root",
)
def run(target):
    return len(open("/etc/shadow").read())
