"""`@tool`: remembers a function and what its author says of it. Nothing is computed here: the
schema is made when the set is described, the conversion of arguments when the tool is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Literal, Sequence

from ._declared import Declared, Icon, check_function, declared


class ToolError(Exception):
    """What went wrong, in words for the caller: the result is this message, marked as an error."""


@dataclass(frozen=True, kw_only=True)
class Tool(Declared):
    """A declared tool."""

    #: readOnlyHint, destructiveHint, idempotentHint, openWorldHint: those that were said.
    annotations: dict[str, bool]
    #: Seconds; the set's limit holds where there is none, or where it is nearer.
    timeout: float | None
    #: Whether its calls get their user's workspace.
    workspace: bool
    #: Whether its calls outlive their request: never, for clients that can wait so, or always.
    task: str | None
    #: Whether a call that becomes a task asks before it does.
    ask_first: bool
    #: As its author wrote it; None: made of the type hints.
    input_schema: dict[str, Any] | None = None


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: float | None = None,
    workspace: bool = False,
    task: Literal["optional", "required"] | None = None,
    ask_first: bool = False,
    input_schema: dict[str, Any] | None = None,
    icons: Sequence[Icon] = (),
    meta: dict[str, Any] | None = None,
) -> Any:
    """Makes a function a tool; it stays callable as it is. Plain (`@tool`) or with options.

    The name is the function's, the description its docstring's, unless given. The four booleans are
    MCP's hints; `timeout` is in seconds. With `workspace`, a call finds the folder of its user as
    `Context.workspace`; the set's toolset.yaml bounds it. `task="optional"`: for a client that
    knows tasks a call outlives its request, others wait for it; "required": nobody else may call it.
    With `ask_first` the call itself ends in the first question, as one that is no task does, and
    becomes a task once that is answered; else it is a task that waits for its user.
    With an `input_schema` of its own the function takes all arguments in one parameter, as JSON has
    them. `icons` and `meta` are for the client's eyes.
    """
    hints = {
        "readOnlyHint": read_only,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": open_world,
    }
    if timeout is not None and not timeout > 0:
        raise ValueError(f"@tool(timeout={timeout!r}): must be more than 0 seconds")
    if task not in (None, "optional", "required"):
        raise ValueError(f'@tool(task={task!r}): must be "optional" or "required"')
    if ask_first and task is None:
        raise ValueError("@tool(ask_first=True) is for tools with task=")

    def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
        check_function(fn, "tool")
        declared.append(
            Tool(
                function=fn,
                name=name or fn.__name__,
                title=title,
                description=description,
                annotations={key: value for key, value in hints.items() if value is not None},
                timeout=timeout,
                workspace=workspace,
                task=task,
                ask_first=ask_first,
                input_schema=input_schema,
                icons=tuple(icons),
                meta=meta or {},
            )
        )
        return fn

    return declare if function is None else declare(function)
