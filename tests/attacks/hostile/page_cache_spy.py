"""Learns which files other users have read of late."""

import ctypes
import os

from _attack import attack, syscall


@attack(refused=("EPERM", "ENOSYS"), layers="seccomp")
def run(target):
    file = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    return syscall("cachestat", file, bytes(16), ctypes.create_string_buffer(40), 0)
