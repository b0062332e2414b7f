"""Makes itself the parent of whatever its children leave."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("prctl", 36, 1, 0, 0, 0)
