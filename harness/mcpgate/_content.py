"""MCP content blocks that a tool may return, one or a list of them, in place of plain values."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any


def _known(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


@dataclass(frozen=True)
class Text:
    """A block of text."""

    text: str

    def block(self) -> dict[str, Any]:
        return {"type": "text", "text": self.text}


@dataclass(frozen=True)
class Image:
    """An image: its bytes and their media type."""

    data: bytes
    mime_type: str = "image/png"

    def block(self) -> dict[str, Any]:
        return {"type": "image", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True)
class Audio:
    """A sound: its bytes and their media type."""

    data: bytes
    mime_type: str = "audio/wav"

    def block(self) -> dict[str, Any]:
        return {"type": "audio", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True)
class EmbeddedResource:
    """A resource with its content: `text`, or bytes as `blob`."""

    uri: str
    text: str | None = None
    blob: bytes | None = None
    mime_type: str | None = None

    def block(self) -> dict[str, Any]:
        if (self.text is None) == (self.blob is None):
            raise ValueError("an EmbeddedResource has either text or blob")
        blob = None if self.blob is None else _base64(self.blob)
        resource = _known(uri=self.uri, mimeType=self.mime_type, text=self.text, blob=blob)
        return {"type": "resource", "resource": resource}


@dataclass(frozen=True)
class ResourceLink:
    """Names a resource that the client may read by itself."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None

    def block(self) -> dict[str, Any]:
        return _known(
            type="resource_link",
            uri=self.uri,
            name=self.name,
            title=self.title,
            description=self.description,
            mimeType=self.mime_type,
        )


#: Every class above, for isinstance().
BLOCKS = (Text, Image, Audio, EmbeddedResource, ResourceLink)


def _base64(data: Any) -> str:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"the data of an image or a sound is bytes, not {type(data).__name__}")
    return base64.b64encode(data).decode("ascii")
