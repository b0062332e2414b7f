"""Takes an open file out of another process."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    handle = syscall("pidfd_open", target["victim_pid"], 0)
    return syscall("pidfd_getfd", handle, 1, 0)
