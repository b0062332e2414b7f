"""Passes open files to the daemon, until it can open none."""

import os
import socket
import struct
import time

from _attack import Refused, attack, patience_s


@attack(refused=("dropped", "ETOOMANYREFS"), layers="frames")
def run(target):
    shared = socket.socket(fileno=os.dup(3))
    read_end, write_end = os.pipe()
    log = b'{"level":"info","message":"x"}'
    header = struct.pack("<IB", len(log), 4)
    for _ in range(5):
        socket.send_fds(shared, [header + log], [write_end] * 50)
    os.close(write_end)
    os.set_blocking(read_end, False)
    until = time.monotonic() + patience_s(target)
    while time.monotonic() < until:
        try:
            # The end of file: nobody holds the other end any more.
            if os.read(read_end, 1) == b"":
                raise Refused("dropped")
        except BlockingIOError:
            time.sleep(0.02)
    return "the daemon holds them"
