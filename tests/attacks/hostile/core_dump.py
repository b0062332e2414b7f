"""Dies with its memory written to a file."""

import os
import resource

from _attack import attack


@attack(refused="crashed", says="killed by signal", layers=("rlimits", "not-dumpable"), control="plain")
def run(target):
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if (soft, hard) == (0, 0):
        os.abort()
    return f"core files of {hard} bytes are allowed"
