"""Sends big events until memory ends."""

from _attack import LOG, attack, frame


@attack(refused="output", says="sent more than", layers="frames")
def run(target):
    for _ in range(64):
        frame(LOG, b'{"level":"info","message":"' + b"x" * 500_000 + b'"}')
    return "32 MB"
