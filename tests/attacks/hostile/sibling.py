"""No attack: another user's call, which runs beside all attacks and has something to lose."""

import time

from _attack import tool


def sibling(target: dict) -> str:
    """Holds a secret for as long as it may."""
    with open("sibling-secret", "w") as file:
        file.write("canary of another call")
    time.sleep(3600)
    return "done"


if tool is not None:
    tool(sibling)
