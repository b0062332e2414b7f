"""Takes an open file out of another process."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("pidfd_getfd", -1, 1, 0)
