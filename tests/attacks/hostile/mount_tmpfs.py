"""Mounts a file system."""

import ctypes

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/mnt", b"tmpfs", 0, 0):
        raise OSError(ctypes.get_errno(), "mount")
