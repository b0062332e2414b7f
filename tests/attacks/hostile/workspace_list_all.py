"""Lists the folder in which all users' workspaces are, wherever it may be."""

import os

from _attack import attack


@attack(refused="EACCES", layers="landlock", workspace=True)
def run(target):
    if os.path.dirname(target["workspace"]) == "/":
        return os.listdir("/mcpgate-hidden/workspaces")
    return os.listdir(os.path.dirname(target["workspace"]))
