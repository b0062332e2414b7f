"""Makes a named message queue for others to find."""

import os

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp", control="plain")
def run(target):
    name = b"mcpgate-attack"
    queue = syscall("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, 0)
    syscall(241, name)  # mq_unlink
    return queue
