"""Makes a system call by the x32 interface, whose numbers a careless filter does not see."""

import errno

from _attack import attack, syscall


@attack(refused=("crashed", "killed"), says="signal 31", layers="seccomp", control="plain")
def run(target):
    try:
        return syscall(0x40000000 | 39)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        return "the kernel looked for it"
