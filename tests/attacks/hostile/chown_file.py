"""Gives a file of its own to another uid."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    open("mine", "w").close()
    os.chown("mine", 12345, 12345)
