"""Finds a working directory that is not its own."""

import os
import stat

from _attack import Refused, attack


@attack(refused="its own", layers="environment")
def run(target):
    if os.listdir("."):
        return os.listdir(".")
    if stat.S_IMODE(os.stat(".").st_mode) & 0o077:
        return "open to others"
    if not os.getcwd().startswith(("/tmp", "/mcpgate-tmp", target["scratch"])):
        return os.getcwd()
    open("mark", "x").close()
    raise Refused("its own")
