"""Closes the call's socket and lives on."""

import os
import time

from _attack import attack


@attack(refused="timeout", stdio="EBADF", layers="limits", deadline=1.0)
def run(target):
    os.close(3)
    time.sleep(2)
    return "lived on"
