"""Lists the mounts by the new system calls."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("listmount", bytes(24), 0, 0, 0)
