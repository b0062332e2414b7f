"""Gets a handle of the daemon from the socket they share, and signals it by that."""

import os
import socket
import struct

from _attack import attack, syscall


@attack(
    refused=("EPERM", "ENOPROTOOPT", "EINVAL"), stdio="EBADF", layers=("seccomp", "landlock")
)
def run(target):
    shared = socket.socket(fileno=os.dup(3))
    peer = struct.unpack("i", shared.getsockopt(socket.SOL_SOCKET, 77, 4))[0]  # SO_PEERPIDFD
    return syscall("pidfd_send_signal", peer, 0, 0, 0)
