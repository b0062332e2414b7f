"""Attaches to another process as its debugger."""

import os

from _attack import attack, syscall


@attack(refused="EPERM", layers=("seccomp", "landlock"))
def run(target):
    syscall("ptrace", 16, target["victim_pid"], 0, 0)  # PTRACE_ATTACH
    os.waitpid(target["victim_pid"], 0x40000000)
    return syscall("ptrace", 17, target["victim_pid"], 0, 0)  # PTRACE_DETACH
