"""What a tool knows of its call and can say while it runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Generator

from ._channel import LOG, PROGRESS, Channel
from ._tool import ToolError

_LEVELS = (
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
)  # fmt: skip


class _Done:
    """What log and progress return: it may be awaited, so that `await ctx.info(…)`, as FastMCP has
    it, works too."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_DONE = _Done()


class Context:
    """Declare a parameter of this type to get it; it is no argument of the tool."""

    def __init__(self, channel: Channel, request: dict[str, Any]) -> None:
        self._channel = channel
        self._progress_wanted = bool(request.get("progress"))
        #: The caller's readable name.
        self.user: str = request["user"]
        self.call_id: str = request["callId"]
        #: W3C trace context of the call, or an empty string.
        self.traceparent: str = request.get("traceparent", "")
        #: When the call will be ended, as time.monotonic() counts.
        self.deadline: float = time.monotonic() + request["timeLeftMs"] / 1000
        #: This call's own folder for files; empty at its start, gone at its end.
        self.tmp: Path = Path(request["tmp"])
        #: Read-only data: name → folder or file. What does not exist is not there.
        self.mounts: dict[str, Path] = {
            name: Path(path) for name, path in request.get("mounts", {}).items()
        }

    @property
    def time_left(self) -> float:
        """Seconds until the call will be ended; never below 0."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def workspace(self) -> Path:
        """The user's own folder in this tool set."""
        raise ToolError("this sandbox gives no workspace to its tools")

    def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> _Done:
        """Tells how far the call is. Does nothing where the client did not ask for it."""
        if self._progress_wanted:
            report = {"progress": progress, "total": total, "message": message}
            known = {key: value for key, value in report.items() if value is not None}
            self._channel.event(PROGRESS, known)
        return _DONE

    report_progress = progress

    def log(self, level: str, message: str) -> _Done:
        """Sends a log message to the client; levels as in MCP: debug, info, notice, warning, …"""
        if level not in _LEVELS:
            raise ValueError(f"log level {level!r}; there are {', '.join(_LEVELS)}")
        self._channel.event(LOG, {"level": level, "message": str(message)})
        return _DONE

    def debug(self, message: str) -> _Done:
        return self.log("debug", message)

    def info(self, message: str) -> _Done:
        return self.log("info", message)

    def warning(self, message: str) -> _Done:
        return self.log("warning", message)

    def error(self, message: str) -> _Done:
        return self.log("error", message)
