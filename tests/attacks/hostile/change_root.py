"""Changes its root."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    os.chroot("/")
