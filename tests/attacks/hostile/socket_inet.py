"""Connects to a TCP service on this machine."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return socket.create_connection(("127.0.0.1", target["tcp_port"]), 5)
