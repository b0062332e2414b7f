"""Writes a program into its folder and executes it."""

import os

from _attack import attack, in_child


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    with open("program", "w") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod("program", 0o700)
    try:
        return in_child(lambda: os.execv("./program", ["program"]))
    except OSError:
        return os.execv("./program", ["program"])
