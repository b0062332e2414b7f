"""Makes semaphores that outlive it."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    semaphores = syscall("semget", 0, 1, 0o600)
    return syscall(66, semaphores, 0, 0)  # semctl(IPC_RMID)
