"""Makes a hard link to another user's file."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.link(target["secret_file"], "link")
    return open("link").read()
