"""Makes memory that no limit of files or of tmp counts."""

import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return os.memfd_create("x")
