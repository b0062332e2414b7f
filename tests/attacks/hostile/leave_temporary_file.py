"""Leaves a file where temporary files go."""

import glob
import os
import tempfile

from _attack import Refused, attack


def plant(target):
    with tempfile.NamedTemporaryFile(prefix="left-", delete=False) as file:
        file.write(b"bob")


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    found = glob.glob(tempfile.gettempdir() + "/left-*")
    for path in found:
        os.unlink(path)
    if found:
        return found
    raise Refused("nothing left")
