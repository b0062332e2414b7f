"""Makes memory executable and runs machine code of its own."""

import ctypes
import mmap

from _attack import attack


@attack(
    layers="none",
    control="plain",
    open={
        "pod": "native extensions are loaded in the child; whatever runs is under the same filter",
        "strict": "the same",
    },
)
def run(target):
    code = bytes.fromhex("b82a000000c3")  # mov eax, 42; ret
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()
