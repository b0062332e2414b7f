"""Says of itself that it ran out of memory."""

import time

from _attack import ERROR, attack, frame


@attack(
    layers="frames",
    control="plain",
    open={
        "pod": (
            "the harness reports an exhausted address space in this way, and the daemon "
            "cannot tell who wrote it; the words are cut and the claim is about itself"
        ),
        "strict": "the same",
    },
    opens="memory",
)
def run(target):
    frame(ERROR, b"memory\nran out of address space")
    time.sleep(0.2)
    return "believed"
