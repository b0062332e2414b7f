"""Makes a file that is bigger than its bytes."""

from _attack import attack


@attack(refused=("EFBIG", "ENOSPC"), layers="rlimits")
def run(target):
    with open("sparse", "wb") as file:
        file.truncate(1 << 34)
    return "16 GiB long"
