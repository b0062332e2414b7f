"""Sends to a path over one end of a datagram pair, which no connect(2) and no socket(2) made."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    sender, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return sender.sendto(b"x", target["unix_datagram"])
