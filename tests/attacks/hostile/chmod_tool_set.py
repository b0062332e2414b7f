"""Makes the tool set unreadable for the calls after it, by a descriptor that it may read."""

import os

from _attack import Refused, attack


@attack(refused="unchanged", layers="seccomp")
def run(target):
    descriptor = os.open(target["tool_set"] + "/toolset.yaml", os.O_RDONLY)
    before = os.fstat(descriptor).st_mode
    os.fchmod(descriptor, 0o640)
    if os.fstat(descriptor).st_mode == before:
        raise Refused("unchanged")
    os.fchmod(descriptor, before & 0o777)
