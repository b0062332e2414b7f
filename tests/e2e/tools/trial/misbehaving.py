"""Tools that do what a tool should not, one kind each."""

import ctypes
import os
import sys
import threading
import time

from mcpgate import tool

HUNDRED_MB = 100_000_000


@tool()
def raises() -> str:
    """Raises."""
    raise ValueError("the tool's own mistake")


@tool()
def prints_100_mb() -> str:
    """Prints 100 MB, then answers."""
    line = "x" * 999 + "\n"
    for _ in range(HUNDRED_MB // 1000):
        sys.stdout.write(line)
    return "printed"


@tool()
def returns_100_mb() -> str:
    """Answers with 100 MB."""
    return "x" * HUNDRED_MB


@tool()
def returns_no_json() -> dict:
    """Answers with what JSON cannot say."""
    return {"open file": object()}


@tool()
def exits(code: int) -> str:
    """Ends its process without an answer."""
    os._exit(code)


@tool()
def segfaults() -> str:
    """Reads address zero."""
    return ctypes.string_at(0).decode()


@tool()
def loops() -> str:
    """Never ends, and computes."""
    while True:
        pass


@tool()
def sleeps() -> str:
    """Never ends, and waits."""
    while True:
        try:
            time.sleep(1000)
        except BaseException:  # noqa: BLE001 - the point: no exception may end a tool's patience
            continue


@tool()
def forks() -> str:
    """Tries to leave processes behind that outlive the call."""
    made = 0
    for _ in range(100):
        try:
            if os.fork() == 0:
                os.setsid()
                time.sleep(1000)
                os._exit(0)
            made += 1
        except OSError:
            break
    return f"{made} processes"


@tool()
def leaves_threads() -> str:
    """Answers while threads of it still wait."""
    made = 0
    for _ in range(8):
        try:
            threading.Thread(target=time.sleep, args=(1000,)).start()
            made += 1
        except RuntimeError:
            break
    return f"{made} threads"


@tool()
def eats_memory() -> str:
    """Fills memory, page by page."""
    kept = []
    while True:
        kept.append(b"x" * 1_000_000)
