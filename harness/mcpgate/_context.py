"""What a tool knows of its call and can say while it runs."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Generator

from ._answers import Answers, Elicited, Roots, Sampled, ToolResult
from ._channel import LOG, PROGRESS, Channel
from ._connection import Connection
from ._questions import Form, ListRoots, Page, Question, Sample
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
        #: How many questions without a key there were.
        self._questions = 0
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

    def elicit(
        self, message: str, schema: type | dict[str, Any], *, key: str | None = None
    ) -> Elicited:
        """Asks the user by a form; see Form. `key` names the question for the client's log.

        Ask before you act: a client of 2026-07-28 answers by calling the tool again, and what ran
        before the question then runs again; answers and results of other tools are remembered.
        Raises ToolError where the user cannot be asked."""
        return self._ask_one(key, Form(message, schema))

    def elicit_url(self, message: str, url: str, *, key: str | None = None) -> Elicited:
        """Asks the user to open a page; see Page and elicit()."""
        return self._ask_one(key, Page(message, url))

    def sample(
        self,
        messages: str | list[dict[str, Any]],
        *,
        max_tokens: int = 1024,
        system_prompt: str | None = None,
        key: str | None = None,
        **options: Any,
    ) -> Sampled:
        """Asks the client's model; see Sample and elicit()."""
        return self._ask_one(key, Sample(messages, max_tokens, system_prompt, options))

    def roots(self, *, key: str | None = None) -> Roots:
        """Asks which folders the client works in; see elicit()."""
        return self._ask_one(key, ListRoots())

    def ask(self, questions: dict[str, Question]) -> Answers:
        """Asks several things at once, each under a key of its own, under which its answer is."""
        requests = {
            key: {"method": question.method, "params": question.params()}
            for key, question in questions.items()
        }
        responses: dict[str, Any] = {}
        while open_requests := {k: r for k, r in requests.items() if k not in responses}:
            # Of a task they may be answered one at a time.
            asked = self._ask("input_required", {"inputRequests": open_requests})
            responses |= asked["inputResponses"]
        return Answers(
            {key: question.answer(responses[key]) for key, question in questions.items()}
        )

    def connection(self, name: str) -> Connection:
        """A database that the set's toolset.yaml declares under `connections`. Whether it can be
        reached shows at the first query."""
        return Connection(self._channel, name)

    def resource_updated(self, uri: str) -> _Done:
        """Says that what is behind a resource of this tool set has changed: clients that follow its
        URI are told, within a second or so, once for many changes. Raises ToolError where the set
        has no resource of that URI."""
        self._ask("resources/updated", {"uri": uri})
        return _DONE

    def close_stream(self) -> bool:
        """Lets the client's connection go while the call runs on: it comes back for the rest, what
        was sent and the result, without a connection that stays silent for minutes. Returns whether
        it was done: a client before 2025-11-25, or of 2026-07-28, cannot come back, nor can one
        whose `Accept` has no text/event-stream."""
        reply = self._channel.ask("stream/close", {})
        return reply.get("result", {}).get("closed") is True

    def _ask_one(self, key: str | None, question: Question) -> Any:
        if key is None:
            self._questions += 1
            key = f"question-{self._questions}"
        return self.ask({key: question})[key]

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
