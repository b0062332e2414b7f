"""Computes a number without end, in C, where no signal is seen."""

from _attack import attack


@attack(refused=("timeout", "cpu"), layers="limits", deadline=0.5)
def run(target):
    number = 3 ** (1 << 24)
    return number.bit_length()
