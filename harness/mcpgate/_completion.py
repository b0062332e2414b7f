"""`@completion`: what may stand in an argument of a prompt, or in a variable of a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from ._declared import Declared, check_function, declared
from ._schema import Shape, _Choice

#: MCP's limit.
_VALUES_MAX = 100


@dataclass(frozen=True, kw_only=True)
class Completion(Declared):
    """A declared completion; it has no name of its own."""

    of: Callable[..., Any]
    argument: str


def completion(of: Callable[..., Any], argument: str) -> Any:
    """Makes a function complete an argument of a prompt or a variable of a template:
    `@completion(greet, "city")` after `@prompt def greet(city: str)`.

    It takes `value`, what the user has typed so far, and may take others of the arguments by name,
    with a default for those that are not known yet. It returns a list of texts: those that start
    with `value` are shown, 100 at most. Arguments of a Literal or Enum complete by themselves.
    """

    def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
        check_function(fn, "completion")
        declared.append(
            Completion(
                function=fn, name=fn.__name__, title=None, description=None, of=of,
                argument=argument,
            )
        )  # fmt: skip
        return fn

    return declare


def choices_of(shape: Shape) -> list[str] | None:
    """The texts of a parameter that has a few values alone; else None."""
    inner = getattr(shape, "inner", shape)
    if isinstance(inner, _Choice):
        return [str(value) for value, _ in inner.choices]
    return None


def complete_result(values: Any, typed: str) -> dict[str, Any]:
    """MCP's completion: those of the values that start as typed, whatever the case."""
    start = typed.casefold()
    found = [str(value) for value in values if str(value).casefold().startswith(start)]
    return {"values": found[:_VALUES_MAX], "total": len(found), "hasMore": len(found) > _VALUES_MAX}
