"""Asks for a key of another."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return reaches_kernel("request_key", b"user", b"mcpgate-no-such-key", 0, 0)
