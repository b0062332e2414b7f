"""What a tool gets back when it asks: the result of another tool, the user's answer, a model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generator


class _Answer:
    """It may be awaited, so that `await ctx.call_tool(…)`, as FastMCP has it, works too."""

    def __await__(self) -> Generator[None, None, Any]:
        return self
        yield


@dataclass(frozen=True)
class ToolResult(_Answer):
    """What another tool answered."""

    #: MCP content blocks, as JSON has them.
    content: list[dict[str, Any]]
    #: The typed result where the tool declares one; else None.
    structured_content: dict[str, Any] | None
    is_error: bool
    #: `_meta` of the result: `io.mcpgate/reason` where the sandbox ended the call.
    meta: dict[str, Any]

    @property
    def text(self) -> str:
        """All text blocks, one a line."""
        return "\n".join(block["text"] for block in self.content if block.get("type") == "text")

    @property
    def data(self) -> Any:
        """What the tool returned: its typed result, else its text."""
        if self.structured_content is None:
            return self.text
        if self.structured_content.keys() == {"result"}:
            return self.structured_content["result"]
        return self.structured_content

    @staticmethod
    def of(result: dict[str, Any]) -> ToolResult:
        return ToolResult(
            content=result.get("content", []),
            structured_content=result.get("structuredContent"),
            is_error=bool(result.get("isError")),
            meta=result.get("_meta", {}),
        )


@dataclass(frozen=True)
class Elicited(_Answer):
    """What the user answered."""

    #: `accept`, `decline` or `cancel`.
    action: str
    #: The form's values where it was accepted, as JSON has them.
    content: dict[str, Any]
    #: The same as the dataclass that was asked for.
    data: Any

    @property
    def accepted(self) -> bool:
        return self.action == "accept"


@dataclass(frozen=True)
class Sampled(_Answer):
    """What the client's model answered."""

    role: str
    content: Any
    model: str
    stop_reason: str | None

    @property
    def text(self) -> str:
        blocks = self.content if isinstance(self.content, list) else [self.content]
        return "\n".join(block.get("text", "") for block in blocks if isinstance(block, dict))

    @staticmethod
    def of(result: dict[str, Any]) -> Sampled:
        return Sampled(
            role=result.get("role", "assistant"),
            content=result.get("content"),
            model=result.get("model", ""),
            stop_reason=result.get("stopReason"),
        )


class Answers(dict[str, Any], _Answer):
    """Those to several questions, by their keys."""


@dataclass(frozen=True)
class Root:
    """A folder that the client works in."""

    uri: str
    name: str | None


class Roots(list[Root], _Answer):
    """All of them."""
