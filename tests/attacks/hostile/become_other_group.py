"""Joins another group."""

import os

from _attack import attack


@attack(refused="EPERM", layers=("seccomp", "capabilities"), needs="root")
def run(target):
    os.setgroups([12345])
