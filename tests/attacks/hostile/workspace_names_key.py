"""Reads the key with which the names of workspaces are made."""

import os

from _attack import attack


@attack(refused="EACCES", layers="landlock", workspace=True)
def run(target):
    folder = os.path.dirname(target["workspace"])
    folder = "/mcpgate-hidden/workspaces" if folder == "/" else folder
    return open(os.path.join(folder, ".key")).read()
