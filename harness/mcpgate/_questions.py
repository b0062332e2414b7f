"""What a tool can ask the client that called it: the user by a form or a page, the client's model,
the folders it works in. Each is a request of MCP; see src/mcp/input.h."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any

from ._answers import Elicited, Root, Roots, Sampled
from ._schema import ArgumentError, Schema, ShapeBuilder, UnsupportedAnnotation, object_schema
from ._tool import ToolError

_FIELDS = ("string", "number", "integer", "boolean", "array")


class Form:
    """Asks the user to fill a form of flat fields: texts, numbers, booleans, choices. `schema` is a
    dataclass or a TypedDict, whose type the answer's `data` then has, or JSON Schema."""

    method = "elicitation/create"

    def __init__(self, message: str, schema: type | Schema) -> None:
        self.message = message
        self._shape: Any = None
        if isinstance(schema, dict):
            self.schema = schema
        else:
            self.schema = self._describe(schema)

    def _describe(self, kind: Any) -> Schema:
        if not (dataclasses.is_dataclass(kind) or typing.is_typeddict(kind)):
            raise TypeError(f"a form is a dataclass, a TypedDict or JSON Schema, not {kind!r}")
        self._shape = ShapeBuilder().build(kind, "a form")
        definitions: dict[str, Schema] = {}
        schema = object_schema(self._shape.members, definitions, closed=False)
        for name, field in schema["properties"].items():
            if field.get("type") not in _FIELDS or "properties" in field:
                raise UnsupportedAnnotation(
                    f"{kind.__name__}.{name}: a field of a form is a text, a number, a boolean or "
                    "a choice (Literal, Enum, or a list of them)"
                )
        return schema

    def params(self) -> dict[str, Any]:
        return {"message": self.message, "requestedSchema": self.schema}

    def answer(self, result: dict[str, Any]) -> Elicited:
        content = result.get("content") or {}
        data = content
        if self._shape and result.get("action") == "accept":
            known = {name: value for name, value in content.items() if name in self._shape.members}
            try:
                data = self._shape.parse(known, "the form")
            except ArgumentError as error:
                raise ToolError(f"What the user answered does not fit: {error}") from None
        return Elicited(action=result.get("action", "cancel"), content=content, data=data)


@dataclass(frozen=True)
class Page:
    """Asks the user to open a page, whose address begins with https://: for what must not pass
    through the client, such as a password. What is done there is between the page and the tool."""

    message: str
    url: str
    method: typing.ClassVar[str] = "elicitation/create"

    def params(self) -> dict[str, Any]:
        return {"mode": "url", "message": self.message, "url": self.url}

    def answer(self, result: dict[str, Any]) -> Elicited:
        return Elicited(action=result.get("action", "cancel"), content={}, data={})


@dataclass(frozen=True)
class Sample:
    """Asks the client's model: a text, or messages as MCP's sampling has them. `options` are other
    members of its request, such as temperature or stopSequences."""

    messages: str | list[dict[str, Any]]
    max_tokens: int = 1024
    system_prompt: str | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    method: typing.ClassVar[str] = "sampling/createMessage"

    def params(self) -> dict[str, Any]:
        messages = self.messages
        if isinstance(messages, str):
            messages = [{"role": "user", "content": {"type": "text", "text": messages}}]
        params = {**self.options, "messages": messages, "maxTokens": self.max_tokens}
        if self.system_prompt is not None:
            params["systemPrompt"] = self.system_prompt
        return params

    def answer(self, result: dict[str, Any]) -> Sampled:
        return Sampled.of(result)


@dataclass(frozen=True)
class ListRoots:
    """Asks which folders the client works in."""

    method: typing.ClassVar[str] = "roots/list"

    def params(self) -> dict[str, Any]:
        return {}

    def answer(self, result: dict[str, Any]) -> Roots:
        return Roots([Root(root["uri"], root.get("name")) for root in result.get("roots", [])])


Question = Form | Page | Sample | ListRoots
