"""Makes a link in its workspace that leads to another user's file, for itself or the daemon."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"), workspace=True)
def run(target):
    link = os.path.join(target["workspace"], "link")
    os.symlink(target["secret_file"], link)
    return open(link).read()
