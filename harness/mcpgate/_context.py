"""What a tool knows of its call and can say while it runs."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Generator

from ._answers import Elicited, Sampled, ToolResult
from ._channel import LOG, PROGRESS, Channel
from ._result import INT_MAX, INT_MIN
from ._tool import ToolError

_LEVELS = (
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
)  # fmt: skip


def _check_number(name: str, value: float) -> None:
    """Raises where JSON, or whoever reads it, has no such number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number, not {type(value).__name__}")
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise ValueError(f"{name} is an integer beyond 64 bits (−2⁶³ to 2⁶⁴ − 1)")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, which JSON cannot say")


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
        self._reports_wanted = bool(request.get("progress"))
        #: The caller's readable name.
        self.user: str = request["user"]
        self.call_id: str = request["callId"]
        #: W3C trace context of the call, or an empty string.
        self.traceparent: str = request.get("traceparent", "")
        #: When the call will be ended, as time.monotonic() counts.
        self.deadline: float = time.monotonic() + request["timeLeftMs"] / 1000
        #: This call's own folder for files; empty at its start, gone at its end.
        self.tmp: Path = Path(request["tmp"])
        self._workspace = Path(request["workspace"]) if "workspace" in request else None
        #: Read-only data: name → folder or file. What does not exist is not there.
        self.mounts: dict[str, Path] = {
            name: Path(path) for name, path in request.get("mounts", {}).items()
        }
        #: Modules of the set that model-written code may import; empty in other calls.
        self.importable: tuple[str, ...] = tuple(request.get("importable", ()))

    def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, *, raise_on_error: bool = True
    ) -> ToolResult:
        """Calls another tool and waits for its result. It runs for the same user, who must be
        allowed to use it, in a process of its own, and is recorded like any call.

        `name` is a tool's of this set, else one as clients call it. Raises ToolError where there is
        no such tool or it answers with an error; without `raise_on_error`, only for the first.
        """
        result = ToolResult.of(
            self._ask("tools/call", {"name": name, "arguments": arguments or {}})
        )
        if result.is_error and raise_on_error:
            raise ToolError(result.text)
        return result

    def elicit(self, message: str, schema: dict[str, Any], *, key: str | None = None) -> Elicited:
        """Asks the user, by a form of flat fields as JSON Schema. `key` names the question, so that
        its answer can be told from others'. Raises ToolError where the user cannot be asked."""
        question: dict[str, Any] = {"message": message, "requestedSchema": schema}
        if key is not None:
            question["key"] = key
        return Elicited.of(self._ask("elicitation/create", question))

    def sample(
        self,
        messages: str | list[dict[str, Any]],
        *,
        max_tokens: int = 1024,
        system_prompt: str | None = None,
    ) -> Sampled:
        """Asks the client's model. Raises ToolError where it cannot be asked."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": {"type": "text", "text": messages}}]
        question: dict[str, Any] = {"messages": messages, "maxTokens": max_tokens}
        if system_prompt is not None:
            question["systemPrompt"] = system_prompt
        return Sampled.of(self._ask("sampling/createMessage", question))

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        reply = self._channel.ask(method, params)
        if "error" in reply:
            raise ToolError(reply["error"]["message"])
        return reply["result"]

    @property
    def time_left(self) -> float:
        """Seconds until the call will be ended; never below 0."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def workspace(self) -> Path:
        """The user's own folder in this tool set, which outlives the call: for tools that are
        declared with `@tool(workspace=True)`. Calls of one user may use it at the same time."""
        if self._workspace is None:
            raise ToolError("this tool has no workspace: declare it with @tool(workspace=True)")
        return self._workspace

    def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> _Done:
        """Tells how far the call is. Does nothing where the client did not ask for it.
        Raises where JSON cannot say the numbers: beyond 64 bits, infinite."""
        _check_number("progress", progress)
        if total is not None:
            _check_number("total", total)
        if self._reports_wanted:
            report = {"progress": progress, "total": total, "message": message}
            known = {key: value for key, value in report.items() if value is not None}
            self._channel.report(PROGRESS, known)
        return _DONE

    report_progress = progress

    def log(self, level: str, message: str) -> _Done:
        """Sends a log message to the client; levels as in MCP: debug, info, notice, warning, …
        Does nothing where nobody listens."""
        if level not in _LEVELS:
            raise ValueError(f"log level {level!r}; there are {', '.join(_LEVELS)}")
        if self._reports_wanted:
            self._channel.report(LOG, {"level": level, "message": str(message)})
        return _DONE

    def debug(self, message: str) -> _Done:
        return self.log("debug", message)

    def info(self, message: str) -> _Done:
        return self.log("info", message)

    def warning(self, message: str) -> _Done:
        return self.log("warning", message)

    def error(self, message: str) -> _Done:
        return self.log("error", message)
