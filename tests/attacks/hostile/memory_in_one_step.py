"""Makes one value that does not fit."""

from _attack import attack


@attack(refused="memory", stdio="tool error", layers=("rlimits", "limits"), control="plain")
def run(target):
    return len(bytes(1 << 30))
