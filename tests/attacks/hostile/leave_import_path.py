"""Leaves a folder in the path of modules."""

import os
import sys

from _attack import Refused, attack


def plant(target):
    sys.path.insert(0, os.getcwd())
    sys.path_importer_cache["left"] = None


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    if "left" in sys.path_importer_cache:
        return "it is there"
    raise Refused("nothing left")
