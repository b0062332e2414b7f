"""Processes that a test starts, and whatever they start in turn."""

import collections
import itertools
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

LOG_BYTES_MAX = 8 << 20

# What a test waits for comes in milliseconds, or not at all: so patient only a failing test is.
PATIENCE_SECONDS = 60

# For the processes that a program has told to end when it ends itself.
LEAVE_SECONDS = 20


@dataclass(frozen=True)
class Process:
    """One row of the process table. The start time tells a process from a later one of its pid."""

    pid: int
    parent: int
    started: int
    name: str

    def alive(self) -> bool:
        now = read_process(self.pid)
        return now is not None and now.started == self.started


def read_process(pid: int) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in "ZX":
        return None
    return Process(pid, int(fields[1]), int(fields[19]), name)


def descendants(pid: int) -> list[Process]:
    """All living descendants of `pid`, nearest first."""
    table = [read_process(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    children = collections.defaultdict(list)
    for process in filter(None, table):
        children[process.parent].append(process)
    found = []
    todo = [pid]
    while todo:
        for child in children[todo.pop(0)]:
            found.append(child)
            todo.append(child.pid)
    return found


def wait_until(condition, what: str, seconds: float = PATIENCE_SECONDS):
    """Polls `condition` until it is true, and returns its value; fails by name at the deadline. A
    shorter one is for what would otherwise come later, by another way."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


# The gateway has a loop per core, and the kernel spreads connections over them: so many connections
# hardly ever miss one. No more than a principal may have open as streams.
CONNECTIONS_TO_ALL_LOOPS = min(60, 7 * len(os.sched_getaffinity(0)))


def on_all_loops(condition) -> bool:
    """Whether `condition`, which makes a connection of its own, holds whichever loop it meets."""
    return all(condition() for _ in range(CONNECTIONS_TO_ALL_LOOPS))


# Ports below the kernel's ephemeral range, so that no outgoing connection takes one by chance; each
# worker of pytest-xdist has a range of its own. In an order of its own too: two runs on one machine
# are not to find the same port free.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
_FIRST_PORT = 21_000 + 1_000 * _WORKER
_PORTS = itertools.cycle(random.sample(range(_FIRST_PORT, _FIRST_PORT + 1_000), 1_000))


def free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")


class Running:
    """A started process; keeps what it prints in memory, so that a full disk is the test's
    choice."""

    def __init__(self, argv: list, env: dict, cwd: Path | None = None):
        self.argv = [str(word) for word in argv]
        self._log = bytearray()
        self._log_lock = threading.Lock()
        self._popen = subprocess.Popen(
            self.argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.set_blocking(self._popen.stdout.fileno(), False)
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def _follow(self):
        """Keeps the pipe empty, so that the process never waits for it."""
        while self._take_log():
            select.select([self._popen.stdout], [], [])

    def _take_log(self) -> bool:
        """Takes what has been printed by now; false at the end."""
        with self._log_lock:
            while True:
                try:
                    printed = os.read(self._popen.stdout.fileno(), 1 << 16)
                except BlockingIOError:
                    return True
                if not printed:
                    return False
                self._log += printed
                del self._log[:-LOG_BYTES_MAX]

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def log(self) -> str:
        """All that it has printed before this look."""
        self._take_log()
        with self._log_lock:
            return self._log.decode("utf-8", "replace")

    def exit_code(self) -> int | None:
        return self._popen.poll()

    def signal(self, number: int):
        self._popen.send_signal(number)

    def stop(self, seconds: float = PATIENCE_SECONDS) -> int:
        """SIGTERM; the exit code. Fails when a descendant outlives it."""
        family = descendants(self.pid)
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.argv[0]} did not end within {seconds} s of SIGTERM"
            ) from None
        self._reader.join(5)
        self._check_gone(family)
        return code

    def _check_gone(self, family: list[Process]):
        deadline = time.monotonic() + LEAVE_SECONDS
        left = [process for process in family if process.alive()]
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = [process for process in left if process.alive()]
        for process in left:
            os.kill(process.pid, signal.SIGKILL)
        assert not left, f"left behind: {left}"

    def kill(self):
        """The end of a failed test: the whole family, at once."""
        family = descendants(self.pid)
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        for process in family:
            if process.alive():
                os.kill(process.pid, signal.SIGKILL)
