"""Gives another user's file a second name, in its own workspace."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"), workspace=True)
def run(target):
    link = os.path.join(target["workspace"], "link")
    os.link(target["secret_file"], link)
    return open(link).read()
