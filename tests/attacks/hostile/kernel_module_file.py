"""Loads a module into the kernel by a file."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("finit_module", 0, b"", 0)
