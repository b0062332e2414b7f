"""Listens to what the kernel reports to user space."""

import socket

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)  # NETLINK_KOBJECT_UEVENT
