"""Breaks the interpreter from within."""

import os

from _attack import attack, in_child, in_daemon


@attack(refused="crashed", says="signal", layers="process of its own")
def run(target):
    def crash():
        exec((lambda: None).__code__.replace(co_code=b"\x64\xff\x53\x00", co_consts=()))

    if in_daemon(target):
        crash()
        os.abort()
    if in_child(crash):
        return "would have taken the daemon with it"
