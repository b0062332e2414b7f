"""Keeps more bytes than a user may, in many small files, and waits for what happens."""

import os
import time

from _attack import attack, in_daemon


@attack(
    refused="output",
    says="more than 1Mi",
    layers="quota",
    control="plain",
    deadline=30.0,
    workspace=True,
)
def run(target):
    for number in range(40):
        with open(os.path.join(target["workspace"], str(number)), "wb") as file:
            file.write(b"x" * 100_000)
    if in_daemon(target):
        time.sleep(25)
    return "4 MB kept"
