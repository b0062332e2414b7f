"""Makes the kernel look as if its Landlock were of an earlier version: for a process and all that
it starts, landlock_create_ruleset(2) is answered by us (seccomp_unotify(2)). It tells the earlier
version where it is asked for it, and refuses attributes that this version did not know; what it
would have accepted the kernel answers itself. Nothing in the daemon needs a hook for such tests."""

import array
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import threading

CREATE_RULESET, SECCOMP = 444, 317
SET_MODE_FILTER, NEW_LISTENER = 1, 8
VERSION_WANTED = 1
LOAD, JUMP_EQUAL, GIVE, ALLOW, NOTIFY = 0x20, 0x15, 0x06, 0x7FFF0000, 0x7FC00000
#: struct seccomp_notif: id, pid, flags, then seccomp_data: number, architecture, ip, six arguments.
NOTIFICATION = struct.Struct("QIIiIQ6Q")
#: struct seccomp_notif_resp: id, value, error, flags.
RESPONSE = struct.Struct("Qqii")
RECEIVE, SEND, GO_ON = 0xC0502100, 0xC0182101, 1
#: The size of the attributes, and of each of them the bits that the version knows
#: (docs.kernel.org, userspace-api/landlock): files, network, scopes.
KNOWN = {
    1: (8, 0x1FFF),
    2: (8, 0x3FFF),
    3: (8, 0x7FFF),
    4: (16, 0x7FFF, 0x3),
    5: (16, 0xFFFF, 0x3),
    6: (24, 0xFFFF, 0x3, 0x3),
}


def install(channel: socket.socket) -> None:
    """In the process that is to see the earlier version; whoever answers gets the other end."""
    program = b"".join(
        struct.pack("HBBI", *line)
        for line in (
            (LOAD, 0, 0, 0),
            (JUMP_EQUAL, 0, 1, CREATE_RULESET),
            (GIVE, 0, 0, NOTIFY),
            (GIVE, 0, 0, ALLOW),
        )
    )
    buffer = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    listener = libc.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, header)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "listen for a system call")
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
    channel.sendmsg([b"x"], rights)
    os.close(listener)


def answer(channel: socket.socket, version: int) -> None:
    """Answers until all those processes are gone, on a thread of its own."""
    _, rights, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
    listener = struct.unpack("i", rights[0][2])[0]
    threading.Thread(target=_answer, args=(listener, version), daemon=True).start()


def _answer(listener: int, version: int) -> None:
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    # It hangs up with the last of those processes.
    while all(what == select.POLLIN for _, what in waiting.poll()):
        request = bytearray(NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, RECEIVE, request)
            number, pid, _, _, _, _, attributes, size, flags, *_ = NOTIFICATION.unpack(request)
            told, error = 0, 0
            if flags & VERSION_WANTED:
                told = version
            else:
                error = _refusal(pid, attributes, size, version)
            go_on = 0 if told or error else GO_ON
            fcntl.ioctl(listener, SEND, RESPONSE.pack(number, told, -error, go_on))
        except OSError as error:
            if error.errno != errno.ENOENT:  # who asked was killed meanwhile
                raise
    os.close(listener)


def _refusal(pid: int, address: int, size: int, version: int) -> int:
    """The errno with which that version refuses these attributes; 0 where it does not."""
    known_size, *known = KNOWN[version]
    if size > known_size:
        # Later members may be there as long as they say nothing: the daemon never sends them.
        return errno.E2BIG
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            members = struct.unpack(f"{size // 8}Q", memory.read(size))
    except OSError:
        return 0  # Nothing there is ours to read; its size was right.
    return errno.EINVAL if any(got & ~bits for got, bits in zip(members, known)) else 0
