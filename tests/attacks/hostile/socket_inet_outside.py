"""Connects to a TCP service outside."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"), control="masked")
def run(target):
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("192.0.2.1", 443))
    return "asked for it"
