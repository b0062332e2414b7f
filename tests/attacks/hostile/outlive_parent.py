"""Takes back that it dies with the zygote."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("prctl", 1, 0, 0, 0, 0)
