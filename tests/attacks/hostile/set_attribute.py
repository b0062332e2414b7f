"""Sets an extended attribute on another user's file."""

import os

from _attack import attack


@attack(refused="ENOTSUP", layers="seccomp")
def run(target):
    os.setxattr(target["victim_file"], "user.mark", b"x")
