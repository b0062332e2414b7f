"""Runs a program by subprocess."""

import subprocess

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return subprocess.run(["/bin/true"]).returncode
