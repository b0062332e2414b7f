"""Sends a datagram over UDP."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return sender.sendto(b"x", ("127.0.0.1", target["udp_port"]))
