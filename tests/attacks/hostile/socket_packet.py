"""Reads the packets of the network."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
