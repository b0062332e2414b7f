"""Switches process accounting."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("acct", b"/nowhere")
