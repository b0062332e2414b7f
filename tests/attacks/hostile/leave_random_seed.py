"""Seeds the generator, to know the next user's random numbers."""

import random

from _attack import Refused, attack


def plant(target):
    random.seed(1)


@attack(refused="nothing left", layers="fresh process", plant=plant)
def run(target):
    expected = random.Random(1).random()
    if random.random() == expected:
        return "predicted"
    raise Refused("nothing left")
