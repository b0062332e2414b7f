"""Executes a program that makes its user root."""

import os

from _attack import attack, in_child


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    try:
        return in_child(lambda: os.execv("/bin/su", ["su", "--version"]))
    except OSError:
        return os.execv("/bin/su", ["su", "--version"])
