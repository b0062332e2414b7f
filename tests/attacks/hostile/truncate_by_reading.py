"""Empties a file by opening it for reading, which Landlock did not see before its third version.
"""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return os.open(target["victim_file"], os.O_RDONLY | os.O_TRUNC)
