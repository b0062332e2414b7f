"""Connects to a service by its abstract name."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    connection = socket.socket(socket.AF_UNIX)
    return connection.connect("\0" + target["abstract"])
