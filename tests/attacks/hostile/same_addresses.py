"""Learns in one call where things lie in the memory of the next."""

from _attack import Refused, attack


def plant(target):
    return id(None)


@attack(
    layers="fresh process",
    control="plain",
    open={
        "pod": (
            "calls are forked from one interpreter; it gets another layout when it is "
            "started again"
        ),
        "strict": "the same",
    },
    plant=plant,
)
def run(target):
    if str(id(None)) == target["planted"]:
        return target["planted"]
    raise Refused("differ")
