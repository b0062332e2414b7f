"""Executes the interpreter that it runs in: the one program that a stdio server's child may become."""

import os

from _attack import attack, in_child


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    def become():
        os.execv("/usr/bin/python3", ["python3", "-c", ""])

    try:
        return in_child(become)
    except OSError:
        return become()
