"""Makes a read-only mount writable."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("mount", 0, b"/nowhere", 0, 32, 0)
