"""Keeps more files than a user may, all of them empty."""

import os

from _attack import attack


@attack(
    refused="output",
    says="more than 50 files",
    layers="quota",
    control="plain",
    workspace=True,
)
def run(target):
    for number in range(100):
        open(os.path.join(target["workspace"], str(number)), "w").close()
    return "100 files"
