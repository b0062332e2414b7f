"""Makes a message queue that outlives it."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    queue = syscall("msgget", 0, 0o600)
    return syscall(71, queue, 0, 0)  # msgctl(IPC_RMID)
