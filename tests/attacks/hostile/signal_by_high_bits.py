"""Hides the victim's pid below bits that the kernel ignores."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return syscall("kill", target["victim_pid"] | 1 << 32, 0)
