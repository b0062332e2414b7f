"""`@resource`: a function that gives what a client reads under a URI, or under every URI that fits
a template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Sequence

from ._channel import encode
from ._content import EmbeddedResource, _base64
from ._declared import Declared, Icon, check_function, declared
from ._result import plain

_VARIABLE = re.compile(r"\{\+?(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Resource(Declared):
    """A declared resource, or a template of many."""

    uri: str
    mime_type: str | None
    annotations: dict[str, Any]

    @property
    def variables(self) -> list[str]:
        """Those of the template; a resource has none."""
        return _VARIABLE.findall(self.uri)


def resource(
    uri: str,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    mime_type: str | None = None,
    annotations: dict[str, Any] | None = None,
    icons: Sequence[Icon] = (),
    meta: dict[str, Any] | None = None,
) -> Any:
    """Makes a function a resource: `@resource("notes://today")`, or with variables a template:
    `@resource("notes://{day}/text")`, whose parameters they are. `{name}` is one segment of the
    URI, `{+name}` may have `/` in it.

    The function returns text, bytes, an EmbeddedResource or a list of them, or anything that JSON
    can say; None: there is no such resource. Name and description are the function's own, unless
    given.
    """

    def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
        check_function(fn, "resource")
        declared.append(
            Resource(
                function=fn,
                name=name or fn.__name__,
                title=title,
                description=description,
                uri=uri,
                mime_type=mime_type,
                annotations=annotations or {},
                icons=tuple(icons),
                meta=meta or {},
            )
        )
        return fn

    return declare


def read_result(value: Any, item: Resource, uri: str) -> dict[str, Any]:
    """What the function returned, as MCP's ReadResourceResult; without contents for None."""
    if value is None:
        return {"contents": []}
    if isinstance(value, (list, tuple)) and value and all(
        isinstance(part, EmbeddedResource) for part in value
    ):
        return {"contents": [part.contents() for part in value]}
    if isinstance(value, EmbeddedResource):
        return {"contents": [value.contents()]}
    contents: dict[str, Any] = {"uri": uri}
    if isinstance(value, str):
        contents |= {"mimeType": item.mime_type or "text/plain", "text": value}
    elif isinstance(value, (bytes, bytearray, memoryview)):
        contents |= {"mimeType": item.mime_type or "application/octet-stream"}
        contents["blob"] = _base64(value)
    else:
        text = encode(plain(value, "the resource")).decode("utf-8")
        contents |= {"mimeType": item.mime_type or "application/json", "text": text}
    return {"contents": [contents]}

