"""Opens a TCP port for others to come in."""

import socket

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener.getsockname()
