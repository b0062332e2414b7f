"""Tries each address family there can be, in each kind."""

import errno
import os
import socket

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    made = []
    for family in range(1, 64):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                os.close(syscall("socket", family, kind, 0))
                made.append(family)
            except OSError as error:
                if error.errno != errno.EPERM and error.errno != errno.EACCES:
                    made.append(family)  # the kernel looked for it
    if not made:
        raise PermissionError(errno.EPERM, "none")
    return sorted(set(made))
