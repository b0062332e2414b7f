"""Empties a file of another user by opening it to write."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    open(target["victim_file"], "w").close()
