"""Answers, and computes on as a free rider."""

import time

from _attack import RESULT, attack, frame, in_daemon


@attack(refused="tool error", stdio="EBADF", layers="limits")
def run(target):
    if in_daemon(target):
        frame(RESULT, b'{"content":[{"type":"text","text":"mine"}]}')
    time.sleep(2)
    open(target["root"] + "/free-rider", "w").close()
    return "lived on"
