"""Swaps a file for a link to another user's while a second thread opens it."""

import os
import threading
import time

from _attack import attack


@attack(refused=("EACCES", "EPERM"), layers=("seccomp", "landlock"))
def run(target):
    refusals = []

    def swap():
        for _ in range(100):
            try:
                os.symlink(target["secret_file"], "next")
                os.rename("next", "file")
                time.sleep(0.001)
            except OSError as error:
                refusals.append(error)
            with open("next", "w") as file:
                file.write("mine")
            os.rename("next", "file")

    open("file", "w").close()
    swapper = threading.Thread(target=swap)
    swapper.start()
    stolen = []
    while swapper.is_alive():
        stolen += [line for line in open("file") if line.startswith("canary")]
    if stolen:
        return stolen[0]
    raise refusals[0]
