"""Sets its uid, if only to the one it has."""

import os

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    os.setuid(os.getuid())
