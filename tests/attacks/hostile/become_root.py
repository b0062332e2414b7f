"""Becomes root."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    os.setuid(0 if os.getuid() else 12345)
    os.setresuid(12345, 12345, 12345)
