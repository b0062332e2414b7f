"""Puts a file into the workspace of another user, for the next call of theirs to find."""

import os

from _attack import Refused, attack


def plant(target):
    return target["workspace"]


@attack(
    refused="EACCES",
    strict="it is its own",
    layers="landlock",
    plant=plant,
    workspace=True,
)
def run(target):
    if target["planted"] == target["workspace"]:
        raise Refused("it is its own")
    path = os.path.join(target["planted"], "poison")
    with open(path, "w") as file:
        file.write("import os")
    os.unlink(path)
    return path
