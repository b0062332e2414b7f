"""Opens a file by openat2(2), whose flags no filter can read."""

import os
import struct

from _attack import attack, syscall


@attack(refused="ENOSYS", layers=("seccomp", "landlock"))
def run(target):
    how = struct.pack("3Q", os.O_RDONLY, 0, 0)
    path = target["secret_file"].encode()
    return os.read(syscall("openat2", -100, path, how, len(how)), 99)
