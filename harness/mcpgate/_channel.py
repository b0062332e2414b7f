"""The call's socket, descriptor 3: frames of `u32 length, little-endian | u8 type | payload`, as
src/sandboxd/frame.h has them."""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import time
from typing import Any

REQUEST, RESULT, ERROR, LOG, PROGRESS, QUESTION, REPLY = 1, 2, 3, 4, 5, 6, 7

_HEADER = struct.Struct("<IB")
_SOCKET = 3
#: Half of what the daemon allows: a tool that logs in a loop is not killed for it, nor slowed down.
_EVENTS_PER_SECOND_MAX = 1000


class Channel:
    """Reads the one request and the replies, writes events, questions and the answer. Safe to use
    from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Held from a question to its reply: the daemon takes one at a time.
        self._asking = threading.Lock()
        self._window = 0.0
        self._events = 0
        self._dropped = 0

    def read_request(self) -> dict[str, Any]:
        return _read_frame(REQUEST)

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Asks, and waits: the reply has `result`, or `error` with its `message`."""
        question = encode({"method": method, "params": params})
        with self._asking:
            while not self._send_question(question):
                pass
            return _read_frame(REPLY)

    def _send_question(self, question: bytes) -> bool:
        """Unlike a report it is never dropped, so it waits for room, and nothing waits for it."""
        with self._lock:
            wait = self._time_to_room()
            if wait <= 0:
                _write(QUESTION, question)
                return True
        time.sleep(wait)
        return False

    def report(self, kind: int, payload: dict[str, Any]) -> None:
        """Sends a log line or a progress report, or drops it: a second has room for so many."""
        with self._lock:
            if self._time_to_room() > 0:
                self._dropped += 1
            else:
                _write(kind, encode(payload))

    def _time_to_room(self) -> float:
        """Takes a place among this second's events, or says in how many seconds there is one."""
        now = time.monotonic()
        if now - self._window >= 1:
            self._window, self._events = now, 0
        if self._events >= _EVENTS_PER_SECOND_MAX:
            return self._window + 1 - now
        self._events += 1
        return 0

    def tell_dropped(self) -> None:
        """Says on stderr, once, what report() did not send."""
        if self._dropped:
            print(f"mcpgate: {self._dropped} log messages and progress reports dropped: more than "
                  f"{_EVENTS_PER_SECOND_MAX} in a second", file=sys.stderr)  # fmt: skip
            self._dropped = 0

    def answer(self, kind: int, payload: bytes) -> None:
        with self._lock:
            _write(kind, payload)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8. A lone surrogate, which UTF-8 cannot say, becomes `?`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _read_frame(kind: int) -> dict[str, Any]:
    size, found = _HEADER.unpack(_read_exactly(_HEADER.size))
    if found != kind:
        raise ValueError(f"a frame of type {found} where one of type {kind} belongs")
    return json.loads(_read_exactly(size))


def _read_exactly(size: int) -> bytes:
    parts = []
    while size > 0:
        part = os.read(_SOCKET, min(size, 1 << 20))
        if not part:
            raise EOFError("the daemon closed the call")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(kind: int, payload: bytes) -> None:
    rest = memoryview(_HEADER.pack(len(payload), kind) + payload)
    while rest:
        rest = rest[os.write(_SOCKET, rest) :]
