"""Changes the limits of another process."""

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    return syscall("prlimit64", target["victim_pid"], 7, 0, bytes(16))
