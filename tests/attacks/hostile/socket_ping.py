"""Sends a ping without being root."""

import errno
import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    except OSError as error:
        # The kernel asks for the group only after it has found the protocol.
        if error.errno != errno.EACCES:
            raise
        return "the kernel looked at it: EACCES"
