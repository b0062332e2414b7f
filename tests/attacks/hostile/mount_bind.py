"""Mounts another user's folder over its own."""

import os

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    here = os.getcwd().encode()
    done = syscall("mount", target["other"].encode(), here, 0, 4096, 0)
    syscall("umount2", here, 2)  # or the attacks that follow fill the victim's folder
    return done
