"""Swaps a folder of its workspace for another user's, while a second thread opens a path through
it."""

import os
import threading
import time

from _attack import attack


@attack(
    refused=("EACCES", "EXDEV"),
    strict=("ENOENT", "EACCES", "EXDEV", "EROFS"),
    layers="landlock",
    workspace=True,
)
def run(target):
    os.chdir(target["workspace"])
    os.mkdir("folder")
    open("folder/secret", "w").close()
    refusals = []

    def swap():
        for _ in range(100):
            os.rename("folder", "away")
            try:
                os.rename(target["other"], "folder")
                time.sleep(0.001)
                os.rename("folder", target["other"])
            except OSError as error:
                refusals.append(error)
            os.rename("away", "folder")

    swapper = threading.Thread(target=swap)
    swapper.start()
    stolen = []
    while swapper.is_alive():
        try:
            stolen += [line for line in open("folder/secret") if line.startswith("canary")]
        except OSError:
            continue
    if stolen:
        return stolen[0]
    raise refusals[0]
