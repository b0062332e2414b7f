"""What the files of a set declare: tools, resources and prompts, in the order of their
declaration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Sequence


@dataclass(frozen=True)
class Icon:
    """An image that clients may show beside a name: `src` is an https: or data: URI."""

    src: str
    mime_type: str | None = None
    #: `48x48`, …, or `any`.
    sizes: Sequence[str] = ()
    #: `light` or `dark`.
    theme: str | None = None

    def definition(self) -> dict[str, Any]:
        known = {"src": self.src, "mimeType": self.mime_type, "sizes": list(self.sizes),
                 "theme": self.theme}  # fmt: skip
        return {key: value for key, value in known.items() if value}


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What tools, resources and prompts have in common."""

    function: Callable[..., Any]
    name: str
    title: str | None
    description: str | None
    icons: tuple[Icon, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> str:
        return self.function.__module__

    def extras(self) -> dict[str, Any]:
        """The members of a definition that need no signature."""
        extras: dict[str, Any] = {}
        if self.icons:
            extras["icons"] = [icon.definition() for icon in self.icons]
        if self.meta:
            extras["_meta"] = self.meta
        return extras


def check_function(function: Any, decorator: str) -> None:
    if not callable(function) or not hasattr(function, "__code__"):
        raise TypeError(
            f"@{decorator} stands before a function, not before {type(function).__name__}"
        )


#: Everything that this process has declared.
declared: list[Any] = []
