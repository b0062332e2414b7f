"""Changes a file of another user."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES", "EROFS"), layers="landlock")
def run(target):
    return open(target["victim_file"], "r+").write("x")
