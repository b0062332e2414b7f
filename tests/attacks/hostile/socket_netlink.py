"""Asks the kernel for the network's configuration."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    asker = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    asker.bind((0, 0))
    return asker.getsockname()
