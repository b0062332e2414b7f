"""Looks for a secret in its environment."""

import os

from _attack import attack


@attack(refused="KeyError", layers="environment")
def run(target):
    return os.environ["MCPGATE_CANARY"]
