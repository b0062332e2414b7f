"""The call's socket, descriptor 3: frames of `u32 length, little-endian | u8 type | payload`, as
src/sandboxd/frame.h has them."""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from typing import Any

REQUEST, RESULT, ERROR, LOG, PROGRESS, QUESTION, REPLY = 1, 2, 3, 4, 5, 6, 7

_HEADER = struct.Struct("<IB")
_SOCKET = 3
#: Half of what the daemon allows: a tool that logs in a loop is slowed down, not killed.
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

    def read_request(self) -> dict[str, Any]:
        return _read_frame(REQUEST)

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Asks, and waits: the reply has `result`, or `error` with its `message`."""
        with self._asking:
            self.event(QUESTION, {"method": method, "params": params})
            return _read_frame(REPLY)

    def event(self, kind: int, payload: dict[str, Any]) -> None:
        """Sends what the tool says or asks, in time: a second's worth at most."""
        data = encode(payload)
        with self._lock:
            now = time.monotonic()
            if now - self._window >= 1:
                self._window, self._events = now, 0
            elif self._events >= _EVENTS_PER_SECOND_MAX:
                time.sleep(self._window + 1 - now)
                self._window, self._events = time.monotonic(), 0
            self._events += 1
            _write(kind, data)

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
