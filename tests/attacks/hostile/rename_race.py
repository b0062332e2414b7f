"""Swaps a folder of its own for another user's while a second thread opens a path through it."""

import errno
import os
import threading

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    os.mkdir("folder")
    open("folder/secret", "w").write("mine")

    def swap():
        for _ in range(500):
            try:
                os.rename("folder", "away")
                os.rename(target["other"], "folder")
            except OSError:
                pass
            try:
                os.rename("folder", target["other"])
            except OSError:
                pass
            try:
                os.rename("away", "folder")
            except OSError:
                pass

    swapper = threading.Thread(target=swap)
    swapper.start()
    stolen = ""
    while swapper.is_alive():
        try:
            stolen = open("folder/secret").read()
        except OSError:
            continue
        if stolen != "mine":
            break
    swapper.join()
    if stolen.startswith("canary"):
        return stolen
    raise PermissionError(errno.EACCES, "only its own file was ever read")
