"""Connects to a service by its path."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    connection = socket.socket(socket.AF_UNIX)
    return connection.connect(target["unix_socket"])
