"""Stalls the kernel inside a system call by answering its page faults."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("userfaultfd", 1)  # UFFD_USER_MODE_ONLY
