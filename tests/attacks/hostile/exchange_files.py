"""Swaps a file of its own with one of another user."""

from _attack import attack, syscall


@attack(
    refused=("EACCES", "EXDEV"),
    strict=("ENOENT", "EACCES", "EXDEV", "EROFS"),
    layers="landlock",
)
def run(target):
    open("mine", "w").close()
    exchange = 2  # RENAME_EXCHANGE
    here = -100  # AT_FDCWD
    mine, other = b"mine", target["victim_file"].encode()
    return syscall(316, here, mine, here, other, exchange)
