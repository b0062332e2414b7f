"""Exchanges the root of its mounts."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("pivot_root", b"/nowhere", b"/nowhere")
