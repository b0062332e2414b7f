"""Loads a module into the kernel."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("init_module", b"not a module", 12, b"")
