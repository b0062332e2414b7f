"""Starts worker processes by multiprocessing."""

import multiprocessing

from _attack import attack


@attack(refused="EPERM", layers="seccomp")
def run(target):
    worker = multiprocessing.get_context("fork").Process(target=print)
    worker.start()
    return worker.join()
