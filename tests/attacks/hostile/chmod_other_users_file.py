"""Takes a file from its owner by changing its mode; Landlock has no right for that."""

import os

from _attack import Refused, attack


@attack(refused="unchanged", strict="ENOENT", layers="seccomp")
def run(target):
    before = os.stat(target["victim_file"]).st_mode
    os.chmod(target["victim_file"], 0o644)
    if os.stat(target["victim_file"]).st_mode == before:
        raise Refused("unchanged")
    os.chmod(target["victim_file"], 0o600)
