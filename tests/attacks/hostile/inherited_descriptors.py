"""Looks for files that were open in the daemon."""

import os

from _attack import Refused, attack


@attack(refused="none", layers="descriptors")
def run(target):
    for descriptor in range(4, 1024):
        try:
            if os.pread(descriptor, 6, 0).startswith(b"canary"):
                return f"descriptor {descriptor}"
        except OSError:
            continue
    raise Refused("none")
