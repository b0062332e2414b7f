"""What every attack declares of itself, and the raw system calls that it may use.

A file of this folder is one attack: a docstring that says what is tried, and a function under
`@attack(...)`. The function returns when the attack worked and raises when it was refused. It is a
tool like any other to the daemon; test_attacks.py calls it through daemons that confine and through
some that do not, and compares how it ended with what is declared here.
"""

import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass
from typing import Any, Callable

try:
    from mcpgate import Context, tool
except ImportError:  # the control, and the tests that read the declarations
    tool = None

#: Layers that a daemon can be made to do without, one by one.
MASKABLE = {"landlock", "seccomp"}


class Refused(Exception):
    """The attack failed in a way that no errno says."""


@dataclass(frozen=True)
class Attack:
    """The machine-readable header of a file."""

    name: str
    text: str
    #: How it ends: an errno, an exception's name, or the word of `io.mcpgate/reason`; several where
    #: the kernel or the moment decides which.
    refused: tuple[str, ...]
    #: The same in profile `strict`, where that differs.
    strict: tuple[str, ...]
    #: The same in the process of a stdio server, where that differs in every profile.
    stdio: tuple[str, ...]
    #: What the answer's text has to contain.
    says: str
    #: The layers that refuse. Without all of them the attack works: that is what the control shows.
    layers: tuple[str, ...]
    #: `masked`: through a daemon without those layers; `plain`: in an unconfined process.
    control: str
    #: Who can show that it works: `root`, or anyone.
    needs: str
    #: Profile → why it works there. It must: what is closed has to leave this list.
    open: dict[str, str]
    #: How it ends there.
    opens: str
    #: Seconds that the call is given.
    deadline: float
    function: Callable[[dict], Any]
    #: A call of another user before it, which leaves something behind.
    plant: Callable[[dict], Any] | None = None
    #: Whether it and its plant find their users' workspaces, as `target["workspace"]`.
    workspace: bool = False


#: The attack of each module that was imported.
declared: dict[str, Attack] = {}


def words(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def attack(
    *,
    refused="",
    strict="",
    stdio="",
    says="",
    layers,
    control="",
    needs="anyone",
    open=None,
    opens="worked",
    deadline=60.0,
    plant=None,
    workspace=False,
):
    """Declares the function below it to be this file's attack."""

    def declare(function):
        name = function.__module__
        layer_names = words(layers)
        declared[name] = Attack(
            name=name,
            text=(sys.modules[name].__doc__ or "").strip(),
            refused=words(refused) if refused else (),
            strict=words(strict or refused) if strict or refused else (),
            stdio=words(stdio) if stdio else (),
            says=says,
            layers=layer_names,
            control=control or ("masked" if set(layer_names) <= MASKABLE else "plain"),
            needs=needs,
            open=open or {},
            opens=opens,
            deadline=deadline,
            function=function,
            plant=plant,
            workspace=workspace,
        )
        if tool is not None:
            _make_tool(function, name, workspace=workspace)
            if plant is not None:
                _make_tool(plant, name + "_plant", name, workspace)
        return function

    return declare


def _make_tool(function, name: str, module: str = "", workspace: bool = False) -> None:
    def run(target: dict[str, Any], ctx: Context) -> dict[str, Any]:
        if workspace:
            target["workspace"] = str(ctx.workspace)
        return attempt(function, target)

    run.__module__ = module or name
    tool(name=name, description=function.__doc__ or "An attack.", workspace=workspace)(run)


def attempt(function: Callable[[dict], Any], target: dict) -> dict[str, Any]:
    """How the function ended, as the tool's result."""
    try:
        evidence = function(target)
    except MemoryError:
        raise
    except Refused as error:
        return {"refused": str(error)}
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno or 0, str(error))}
    except Exception as error:
        return {"refused": type(error).__name__, "text": str(error)[:300]}
    return {"worked": str(evidence)[:300]}


# ---- Raw system calls of x86-64

CALLS = {
    name: int(number)
    for name, number in (
        pair.split("=")
        for pair in (
            "read=0 write=1 open=2 shmget=29 socket=41 connect=42 socketpair=53 clone=56 fork=57 "
            "vfork=58 execve=59 kill=62 semget=64 msgget=68 ptrace=101 syslog=103 setuid=105 "
            "setgid=106 setpgid=109 setsid=112 setgroups=116 setresuid=117 capset=126 "
            "rt_sigqueueinfo=129 mknod=133 personality=135 setpriority=141 sched_setscheduler=144 "
            "mlockall=151 modify_ldt=154 pivot_root=155 prctl=157 adjtimex=159 setrlimit=160 "
            "chroot=161 acct=163 settimeofday=164 mount=165 umount2=166 swapon=167 reboot=169 "
            "sethostname=170 setdomainname=171 iopl=172 ioperm=173 init_module=175 "
            "delete_module=176 quotactl=179 setxattr=188 tkill=200 sched_setaffinity=203 "
            "io_setup=206 remap_file_pages=216 timer_create=222 clock_settime=227 tgkill=234 "
            "mbind=237 mq_open=240 kexec_load=246 add_key=248 request_key=249 keyctl=250 "
            "ioprio_set=251 inotify_init1=294 migrate_pages=256 openat=257 unshare=272 splice=275 "
            "tee=276 vmsplice=278 move_pages=279 signalfd4=289 perf_event_open=298 "
            "fanotify_init=300 prlimit64=302 name_to_handle_at=303 open_by_handle_at=304 "
            "clock_adjtime=305 setns=308 process_vm_readv=310 process_vm_writev=311 kcmp=312 "
            "finit_module=313 sched_setattr=314 seccomp=317 memfd_create=319 kexec_file_load=320 "
            "bpf=321 execveat=322 userfaultfd=323 pkey_alloc=330 pidfd_send_signal=424 "
            "io_uring_setup=425 open_tree=428 move_mount=429 fsopen=430 fsmount=432 "
            "pidfd_open=434 clone3=435 openat2=437 pidfd_getfd=438 process_madvise=440 "
            "mount_setattr=442 landlock_create_ruleset=444 memfd_secret=447 process_mrelease=448 "
            "cachestat=451 statmount=457 listmount=458 lchown=94 chown=92 fchownat=260 "
            "chmod=90 symlink=88 link=86 linkat=265 symlinkat=266 mknodat=259 futex_waitv=449"
        ).split()
    )
}

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(call: str | int, *arguments: Any) -> int:
    """The bare system call; raises OSError."""
    number = CALLS[call] if isinstance(call, str) else call
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = _libc.syscall(ctypes.c_long(number), *converted)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def reaches_kernel(call: str | int, *arguments: Any) -> str:
    """For calls whose success would hurt: made with arguments that the kernel itself refuses in
    another way. Works where the kernel looked at them."""
    try:
        return f"answered {syscall(call, *arguments)}"
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
        return f"the kernel looked at it: {errno.errorcode[error.errno]}"


# ---- What several attacks do

RESULT, ERROR, LOG, PROGRESS = 2, 3, 4, 5


def frame(kind: int, payload: bytes) -> None:
    """A frame as the harness would send it, on the call's own socket."""
    rest = memoryview(struct.pack("<IB", len(payload), kind) + payload)
    while rest:
        rest = rest[os.write(3, rest) :]


def in_daemon(target: dict) -> bool:
    """Whether this is a call; else it is the control."""
    return "scratch" in target


def patience_s(target: dict) -> float:
    """How long an attack waits for what the daemon does about it: on a busy machine that may take a
    while, and where it is done nobody waits to the end. In the control nothing is done."""
    return 30 if in_daemon(target) else 0.5


def fill_by_writing(path: str, bytes_wanted: int) -> int:
    """Writes that many bytes into one file."""
    block = b"x" * (1 << 20)
    with open(path, "wb", buffering=0) as file:
        for _ in range(bytes_wanted // len(block)):
            file.write(block)
    return bytes_wanted


def in_child(function: Callable[[], int]) -> int:
    """Forks; the exit status of the child, which is minus the signal where it died by one."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(function() or 0)
        finally:
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 99:
        raise Refused("the child could not do it")
    return code
