"""Takes shared anonymous memory, which other limits do not count."""

import mmap

from _attack import attack


@attack(refused="memory", layers="limits")
def run(target):
    memory = mmap.mmap(-1, 400 << 20)
    for offset in range(0, len(memory), 4096):
        memory[offset] = 1
    return len(memory)
