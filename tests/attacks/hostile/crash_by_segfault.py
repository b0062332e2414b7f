"""Dies by a memory fault."""

import ctypes

from _attack import attack, in_child, in_daemon


@attack(refused="crashed", says="signal 11", layers="process of its own")
def run(target):
    if in_daemon(target):
        ctypes.string_at(0)
    if in_child(lambda: ctypes.string_at(0)):
        return "would have taken the daemon with it"
