"""Keeps more bytes than a user may, and is gone before it is looked at."""

import os

from _attack import attack, fill_by_writing


@attack(refused="output", says="more than 1Mi", layers="quota", control="plain", workspace=True)
def run(target):
    return fill_by_writing(os.path.join(target["workspace"], "large"), 3 << 20)
