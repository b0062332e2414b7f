"""Makes one value that does not fit."""

from _attack import attack


@attack(refused="memory", layers=("rlimits", "limits"), control="plain")
def run(target):
    return len(bytes(1 << 30))
