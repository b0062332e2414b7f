"""Lists the files that the daemon has open."""

import os

from _attack import attack


@attack(refused="EACCES", strict=("ENOENT", "EACCES"), layers=("landlock", "not-dumpable"))
def run(target):
    return os.listdir(f"/proc/{target['daemon_pid']}/fd")
