"""Raises a limit of its own."""

import resource

from _attack import attack


@attack(refused=("EPERM", "ValueError"), layers=("seccomp", "rlimits"), control="plain")
def run(target):
    resource.setrlimit(resource.RLIMIT_CPU, (1000, resource.RLIM_INFINITY))
