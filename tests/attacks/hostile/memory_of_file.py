"""Takes memory by mapping a file of its folder."""

import mmap

from _attack import attack


@attack(refused=("memory", "output", "EFBIG", "ENOSPC"), layers="limits")
def run(target):
    with open("big", "w+b") as file:
        file.truncate(400 << 20)
        memory = mmap.mmap(file.fileno(), 400 << 20)
        for offset in range(0, len(memory), 4096):
            memory[offset] = 1
    return len(memory)
