"""Learns in one call which strings collide in the dictionaries of the next."""

from _attack import Refused, attack


def plant(target):
    return hash("mcpgate")


@attack(
    stdio="differ",
    layers="fresh process",
    control="plain",
    open={
        "pod": (
            "calls are forked from one interpreter; it gets another seed when it is "
            "started again"
        ),
        "strict": "the same",
    },
    plant=plant,
)
def run(target):
    if str(hash("mcpgate")) == target["planted"]:
        return target["planted"]
    raise Refused("differ")
