"""Shuts the call's socket down and lives on."""

import os
import socket
import time

from _attack import attack, patience_s


@attack(refused="timeout", stdio="EBADF", layers="limits", deadline=1.0)
def run(target):
    socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)
    time.sleep(patience_s(target))
    return "lived on"
