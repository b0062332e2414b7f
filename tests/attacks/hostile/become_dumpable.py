"""Makes itself traceable, and its memory readable, again."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("prctl", 4, 1, 0, 0, 0)
