"""Locks its workspace for ever, so that nobody can use or remove it."""

import fcntl
import os

from _attack import attack


@attack(refused="EAGAIN", layers="the daemon's own lock", control="plain", workspace=True)
def run(target):
    folder = os.open(target["workspace"], os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"
