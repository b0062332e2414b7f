"""Changes the attributes of a mount."""

from _attack import attack, reaches_kernel


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    return reaches_kernel("mount_setattr", -100, b"/nowhere", 0, bytes(32), 32)
