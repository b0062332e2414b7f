"""Learns the machine's name and kernel."""

import os

from _attack import attack


@attack(
    layers="none",
    control="plain",
    open={
        "pod": "uname(2) is what the C library asks at its start",
        "strict": "the kernel's version only",
    },
)
def run(target):
    return os.uname()
