"""Opens a file as a mere path first, which needs no right, and reads it by that."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    descriptor = os.open(target["other"], os.O_PATH)
    return os.open("secret", os.O_RDONLY, dir_fd=descriptor)
