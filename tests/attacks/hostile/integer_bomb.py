"""Computes a number without end, in C, where no signal is seen."""

from _attack import attack


@attack(refused=("cpu", "memory", "timeout"), layers="limits", deadline=4.0)
def run(target):
    number = 3 ** (1 << 23)
    return number.bit_length()
