"""Reaches the kernel's cryptography, an old source of holes."""

import errno
import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    try:
        return socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return "the kernel looked at it: EAFNOSUPPORT"
