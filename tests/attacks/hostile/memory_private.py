"""Takes memory without end."""

from _attack import attack


@attack(refused="memory", layers="limits")
def run(target):
    kept = []
    for _ in range(400):
        kept.append(bytearray(1 << 20))
    return len(kept)
