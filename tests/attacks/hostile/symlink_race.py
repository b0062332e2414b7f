"""Swaps a file for a link to another user's while a second thread opens it."""

import errno
import os
import threading

from _attack import attack


@attack(refused=("EACCES", "EPERM"), layers=("seccomp", "landlock"))
def run(target):
    def swap():
        for _ in range(200):
            try:
                os.symlink(target["secret_file"], "next")
            except OSError:
                with open("next", "w") as file:
                    file.write("mine")
            os.rename("next", "file")
            with open("next", "w") as file:
                file.write("mine")
            os.rename("next", "file")

    open("file", "w").write("mine")
    swapper = threading.Thread(target=swap)
    swapper.start()
    while swapper.is_alive():
        with open("file") as file:
            if file.read().startswith("canary"):
                swapper.join()
                return "read it"
    swapper.join()
    raise PermissionError(errno.EACCES, "only its own file was ever read")
