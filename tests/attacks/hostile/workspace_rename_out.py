"""Moves a file out of its workspace, to where nobody counts it."""

import os

from _attack import attack


@attack(
    refused=("EACCES", "EXDEV"),
    strict=("EACCES", "EXDEV", "EROFS"),
    layers="landlock",
    workspace=True,
)
def run(target):
    inside = os.path.join(target["workspace"], "file")
    outside = os.path.join(os.path.dirname(target["workspace"]), "file")
    open(inside, "w").close()
    os.rename(inside, outside)
    os.unlink(outside)
    return outside
