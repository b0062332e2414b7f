"""Closes the call's socket and lives on."""

import os
import time

from _attack import attack, patience_s


@attack(refused="timeout", stdio="EBADF", layers="limits", deadline=1.0)
def run(target):
    os.close(3)
    time.sleep(patience_s(target))
    return "lived on"
