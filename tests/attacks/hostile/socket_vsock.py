"""Reaches the hypervisor's side of the machine."""

import errno
import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    try:
        return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return "the kernel looked at it: EAFNOSUPPORT"
