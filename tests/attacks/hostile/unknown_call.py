"""Makes a system call of a later kernel than the filter knows."""

import errno

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp", control="plain")
def run(target):
    try:
        return syscall(999)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        return "the kernel looked for it"
