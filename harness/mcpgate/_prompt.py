"""`@prompt`: a function that makes messages for a model of the arguments that a user gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Literal, Sequence

from ._content import BLOCKS, Block, Text
from ._declared import Declared, Icon, check_function, declared
from ._result import UnfitResult


@dataclass(frozen=True)
class Message:
    """A message of a prompt: text or a block of content, and who says it."""

    content: str | Block
    role: Literal["user", "assistant"] = "user"


@dataclass(frozen=True, kw_only=True)
class Prompt(Declared):
    """A declared prompt."""


def prompt(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: Sequence[Icon] = (),
    meta: dict[str, Any] | None = None,
) -> Any:
    """Makes a function a prompt; plain (`@prompt`) or with options. Its parameters are the prompt's
    arguments: MCP gives them as text, which is converted to the hinted types.

    It returns text, a block of content, a Message, or a list of them. Name and description are the
    function's own, unless given.
    """

    def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
        check_function(fn, "prompt")
        declared.append(
            Prompt(
                function=fn,
                name=name or fn.__name__,
                title=title,
                description=description,
                icons=tuple(icons),
                meta=meta or {},
            )
        )
        return fn

    return declare if function is None else declare(function)


def get_result(value: Any, description: str | None) -> dict[str, Any]:
    """What the function returned, as MCP's GetPromptResult."""
    parts = list(value) if isinstance(value, (list, tuple)) else [value]
    result: dict[str, Any] = {"messages": [_message(part, i) for i, part in enumerate(parts)]}
    return {"description": description, **result} if description else result


def _message(part: Any, index: int) -> dict[str, Any]:
    said = part if isinstance(part, Message) else Message(part)
    content = Text(said.content) if isinstance(said.content, str) else said.content
    if not isinstance(content, BLOCKS) or said.role not in ("user", "assistant"):
        raise UnfitResult(f"message {index} is {type(part).__name__}: want text, a block of "
                          "content, or a Message of user or assistant")  # fmt: skip
    return {"role": said.role, "content": content.block()}
