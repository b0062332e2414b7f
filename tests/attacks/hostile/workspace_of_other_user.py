"""Reads a file in the workspace of another user, who has opened it to everyone."""

import os

from _attack import attack


def plant(target):
    path = os.path.join(target["workspace"], "note")
    with open(path, "w") as file:
        file.write("canary of bob")
    os.chmod(target["workspace"], 0o777)
    os.chmod(path, 0o666)
    return path


@attack(refused="EACCES", strict="ENOENT", layers="landlock", plant=plant, workspace=True)
def run(target):
    return open(target["planted"]).read()
