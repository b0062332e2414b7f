"""Forges the time at which another user's file was changed; Landlock has no right for that."""

import os

from _attack import Refused, attack


@attack(refused="unchanged", strict="ENOENT", layers="seccomp")
def run(target):
    before = os.stat(target["victim_file"]).st_mtime_ns
    os.utime(target["victim_file"], (1, 1))
    if os.stat(target["victim_file"]).st_mtime_ns == before:
        raise Refused("unchanged")
