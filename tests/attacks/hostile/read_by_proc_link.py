"""Opens a file as a mere path, and that again through /proc/self/fd."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    descriptor = os.open(target["secret_file"], os.O_PATH)
    return open(f"/proc/self/fd/{descriptor}").read()
