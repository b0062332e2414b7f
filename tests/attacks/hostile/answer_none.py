"""Leaves without an answer."""

import os

from _attack import attack, in_daemon


@attack(refused="crashed", says="exited with 7", layers="limits")
def run(target):
    if in_daemon(target):
        os._exit(7)
    return "nobody notices"
