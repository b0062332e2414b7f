"""Walks into another process's view of the files."""

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers="landlock")
def run(target):
    return open(f"/proc/{target['victim_pid']}/root{target['secret_file']}").read()
