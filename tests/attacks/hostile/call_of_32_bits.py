"""Makes a system call by the 32-bit interface, where the same number means another call."""

import ctypes
import mmap

from _attack import attack


@attack(refused="crashed", says="signal 31", layers="seccomp")
def run(target):
    # mov eax, 20; int 0x80; ret: getpid of i386
    code = bytes.fromhex("b814000000cd80c3")
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()
