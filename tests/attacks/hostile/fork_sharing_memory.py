"""Makes a process that shares its memory and is no thread."""

import os
import signal

from _attack import attack, in_daemon, syscall


@attack(refused="EPERM", layers="seccomp", control="plain")
def run(target):
    flags = 0x100 | 0x4000 | signal.SIGCHLD  # CLONE_VM | CLONE_VFORK
    if not in_daemon(target):
        return os.posix_spawn("/bin/true", ["true"], {})  # which is that call
    return syscall("clone", flags, 0, 0, 0, 0)
