"""Puts pages of a file that it may only read into a pipe, to write them there."""

import os

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    source = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    _, write_end = os.pipe()
    return syscall("splice", source, 0, write_end, 0, 1, 0)
