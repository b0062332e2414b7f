"""Has another process's memory thrown out."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("process_madvise", -1, 0, 0, 20, 0)
