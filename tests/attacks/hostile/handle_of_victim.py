"""Gets a handle of another process."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("pidfd_open", target["victim_pid"], 0)
