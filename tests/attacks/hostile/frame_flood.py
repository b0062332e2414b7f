"""Sends events without end."""

from _attack import PROGRESS, attack, frame


@attack(refused="killed", says="events in a second", layers="frames")
def run(target):
    for _ in range(20000):
        frame(PROGRESS, b'{"progress":1}')
    return "20000 events"
