"""Empties a file of another user by its path."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    os.truncate(target["victim_file"], 5)
