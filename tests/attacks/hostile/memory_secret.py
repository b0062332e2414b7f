"""Makes memory that even the kernel cannot see."""

from _attack import attack, reaches_kernel


@attack(refused=("EPERM", "ENOSYS"), layers="seccomp")
def run(target):
    return reaches_kernel("memfd_secret", 99)
