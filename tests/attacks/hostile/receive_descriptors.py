"""Waits for a descriptor from the daemon's side of the socket."""

import os
import socket

from _attack import Refused, attack, in_daemon


@attack(refused="none came", layers="frames", control="plain")
def run(target):
    shared = socket.socket(fileno=os.dup(3))
    if not in_daemon(target):
        socket.send_fds(shared, [b"x"], [0])  # a reader can get some over such a socket at all
        return "the socket carries them"
    shared.settimeout(0.3)
    try:
        data, descriptors, _, _ = socket.recv_fds(shared, 100, 10)
    except TimeoutError:
        raise Refused("none came") from None
    return data, descriptors
