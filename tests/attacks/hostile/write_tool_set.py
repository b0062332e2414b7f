"""Opens the tool set's own file to change it."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return os.open(target["tool_set"] + "/toolset.yaml", os.O_WRONLY)
