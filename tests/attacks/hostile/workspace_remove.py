"""Removes what another user keeps in a workspace."""

import os

from _attack import attack


def plant(target):
    path = os.path.join(target["workspace"], "kept")
    open(path, "w").close()
    return path


@attack(refused="EACCES", strict="ENOENT", layers="landlock", plant=plant, workspace=True)
def run(target):
    os.unlink(target["planted"])
    return "gone"
