"""Creates an IPv6 socket."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
