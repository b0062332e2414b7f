"""Renames the machine."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    socket.sethostname("attacked")
