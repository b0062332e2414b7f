"""Runs a program where the kernel seems to lack something: `masked.py LAYER… -- PROGRAM ARGUMENT…`.

A seccomp filter answers the system call that a layer is made of as a kernel without it would, for
the program and all that it starts. So nothing in the program needs a hook for such tests."""

import ctypes
import errno
import os
import struct
import sys

# linux/filter.h, linux/seccomp.h, linux/audit.h
LOAD, JUMP_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
X86_64 = 0xC000003E
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2

UNSHARE, CLONE, PRCTL = 272, 56, 157
#: Layer → (system call, test of its first argument or nothing, the answer).
MASKS = {
    "landlock": (444, None, errno.ENOSYS),
    "seccomp": (317, None, errno.ENOSYS),
    "capabilities": (126, None, errno.EPERM),
    "no-new-privs": (PRCTL, (JUMP_EQUAL, PR_SET_NO_NEW_PRIVS), errno.EINVAL),
    "userns": (UNSHARE, (JUMP_ANY_BIT, 0x10000000), errno.EPERM),
    "netns": (UNSHARE, (JUMP_ANY_BIT, 0x40000000), errno.EPERM),
    "ipcns": (UNSHARE, (JUMP_ANY_BIT, 0x08000000), errno.EINVAL),
    "utsns": (UNSHARE, (JUMP_ANY_BIT, 0x04000000), errno.EINVAL),
    "mntns": (UNSHARE, (JUMP_ANY_BIT, 0x00020000), errno.ENOSPC),
    "pidns": (CLONE, (JUMP_ANY_BIT, 0x20000000), errno.EPERM),
}


def instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)


def filter_for(layers: list[str]) -> bytes:
    program = [
        instruction(LOAD, ARCHITECTURE_AT),
        instruction(JUMP_EQUAL, X86_64, 1, 0),
        instruction(RETURN, ALLOW),
    ]
    for layer in layers:
        number, test, answer = MASKS[layer]
        program += [instruction(LOAD, NUMBER_AT), instruction(JUMP_EQUAL, number, 0, 3)]
        program.append(instruction(LOAD, FIRST_ARGUMENT_AT))
        # Without a test any argument will do.
        program.append(instruction(test[0], test[1], 0, 1) if test else instruction(0x05, 0))
        program.append(instruction(RETURN, REFUSE | answer))
    return b"".join([*program, instruction(RETURN, ALLOW)])


def main() -> None:
    separator = sys.argv.index("--")
    program = filter_for(sys.argv[1:separator])
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if os.geteuid() != 0:
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_char_p(described), 0, 0) != 0:
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[separator + 1], sys.argv[separator + 1 :])


if __name__ == "__main__":
    main()
