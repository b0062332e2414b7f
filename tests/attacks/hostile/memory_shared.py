"""Makes a segment of shared memory that outlives it."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    segment = syscall("shmget", 0, 4096, 0o600)
    return syscall(31, segment, 0, 0)  # and removes it: shmctl(IPC_RMID)
