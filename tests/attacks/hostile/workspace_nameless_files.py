"""Keeps space by files of its workspace that have no name any more."""

import os

from _attack import attack

WANTED = 3 << 20


@attack(
    layers="quota",
    control="plain",
    open={
        "pod": "a deleted file keeps its space while it is open, at most until the call ends",
        "strict": "the same",
    },
    workspace=True,
)
def run(target):
    kept = []
    path = os.path.join(target["workspace"], "nameless")
    for _ in range(WANTED >> 20):
        kept.append(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(path)
        os.write(kept[-1], b"x" * (1 << 20))
    return sum(os.fstat(fd).st_blocks * 512 for fd in kept)
