"""Asks on and on and reads no answer, so that the daemon fills with what it has to say."""

from _attack import attack, frame


@attack(refused="killed", says="events in a second", layers="frames")
def run(target):
    for _ in range(20000):
        frame(6, b'{"method":"tools/call","params":{"name":"x"}}')
    return "20000 questions"
