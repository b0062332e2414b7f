"""Leaves a secret in memory for the next call to search for."""

import gc

from _attack import Refused, attack

KEPT = []


def plant(target):
    KEPT.append(b"left-" + b"in-memory" * 10)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    wanted = b"left-" + b"in-memory" * 10
    for value in gc.get_objects():
        if isinstance(value, list) and wanted in [v for v in value if isinstance(v, bytes)]:
            return "found"
    raise Refused("nothing left")
