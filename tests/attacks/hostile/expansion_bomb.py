"""Unpacks a few bytes into many."""

import zlib

from _attack import attack


@attack(refused="memory", layers="limits")
def run(target):
    packed = zlib.compress(bytes(64 << 20), 9)
    kept = [zlib.decompress(packed) for _ in range(6)]
    return len(kept)
