"""Sends a descriptor of its own to a service over a datagram pair."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    sender, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return socket.send_fds(sender, [b"x"], [0], address=target["unix_datagram"])
