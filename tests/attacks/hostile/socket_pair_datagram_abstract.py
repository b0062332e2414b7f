"""Sends to an abstract name over one end of a datagram pair."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    sender, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return sender.sendto(b"x", "\0" + target["abstract_datagram"])
