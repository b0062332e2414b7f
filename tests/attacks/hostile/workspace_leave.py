"""Leaves files and folders in its workspace, for another user to find."""

import os

from _attack import Refused, attack, in_daemon


def plant(target):
    os.makedirs(os.path.join(target["workspace"], "left/inner"), exist_ok=True)
    open(os.path.join(target["workspace"], "sitecustomize.py"), "w").close()
    return target["workspace"]


@attack(
    refused="nothing left",
    layers="a folder for each user",
    control="plain",
    plant=plant,
    workspace=True,
)
def run(target):
    # The control's careless daemon gives everyone the same folder.
    folder = target["workspace"] if in_daemon(target) else target["planted"]
    found = os.listdir(folder)
    if found:
        return found
    raise Refused("nothing left")
