"""Makes a symbolic link to another user's file."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.symlink(target["secret_file"], "link")
    return open("link").read()
