"""Counts the descriptors beyond the four that it was given."""

import os

from _attack import Refused, attack


@attack(refused="none", layers="descriptors")
def run(target):
    found = []
    for descriptor in range(4, 4096):
        try:
            os.fstat(descriptor)
            found.append(descriptor)
        except OSError:
            continue
    if not found:
        raise Refused("none")
    return found
