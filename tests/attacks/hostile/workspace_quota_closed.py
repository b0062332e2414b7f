"""Keeps more bytes than a user may in a folder that even its owner cannot read."""

import os

from _attack import attack


@attack(refused="output", says="more than 1Mi", layers="quota", control="plain", workspace=True)
def run(target):
    os.chdir(target["workspace"])
    os.mkdir("open")
    with open("open/large", "wb") as file:
        file.write(b"x" * (3 << 20))
    os.mkdir("closed", 0)
    try:
        os.rename("open", "closed/open")
    except OSError:
        pass  # the folder is closed to us as well; its neighbour counts all the same
    return "3 MiB kept"
