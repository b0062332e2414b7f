"""Writes a segment descriptor, an old source of holes."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("modify_ldt", 0, bytes(16), 16)
