"""Makes Landlock rules of its own."""

from _attack import attack, syscall


@attack(refused="EPERM", layers="seccomp")
def run(target):
    return syscall("landlock_create_ruleset", 0, 0, 1)
