"""MCP content blocks that a tool may return, one or a list of them, in place of plain values."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any


def _known(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Block:
    """What every block may say of itself."""

    #: `audience` (`user`, `assistant`), `priority` (0 to 1), `lastModified`.
    annotations: dict[str, Any] | None = None
    #: `_meta`, for the client.
    meta: dict[str, Any] | None = None

    def block(self) -> dict[str, Any]:
        """The block as MCP has it."""
        return {**self._members(), **_known(annotations=self.annotations, _meta=self.meta)}

    def _members(self) -> dict[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Block):
    """A block of text."""

    text: str

    def _members(self) -> dict[str, Any]:
        return {"type": "text", "text": self.text}


@dataclass(frozen=True)
class Image(Block):
    """An image: its bytes and their media type."""

    data: bytes
    mime_type: str = "image/png"

    def _members(self) -> dict[str, Any]:
        return {"type": "image", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True)
class Audio(Block):
    """A sound: its bytes and their media type."""

    data: bytes
    mime_type: str = "audio/wav"

    def _members(self) -> dict[str, Any]:
        return {"type": "audio", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True)
class EmbeddedResource(Block):
    """A resource with its content: `text`, or bytes as `blob`."""

    uri: str
    text: str | None = None
    blob: bytes | None = None
    mime_type: str | None = None

    def _members(self) -> dict[str, Any]:
        return {"type": "resource", "resource": self.contents()}

    def contents(self) -> dict[str, Any]:
        """The inner object: what reading the resource gives."""
        if (self.text is None) == (self.blob is None):
            raise ValueError("an EmbeddedResource has either text or blob")
        blob = None if self.blob is None else _base64(self.blob)
        return _known(uri=self.uri, mimeType=self.mime_type, text=self.text, blob=blob)


@dataclass(frozen=True)
class ResourceLink(Block):
    """Names a resource that the client may read by itself."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    #: Bytes.
    size: int | None = None

    def _members(self) -> dict[str, Any]:
        return _known(
            type="resource_link",
            uri=self.uri,
            name=self.name,
            title=self.title,
            description=self.description,
            mimeType=self.mime_type,
            size=self.size,
        )


#: Every kind of block, for isinstance().
BLOCKS = (Text, Image, Audio, EmbeddedResource, ResourceLink)


def _base64(data: Any) -> str:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"the data of an image or a sound is bytes, not {type(data).__name__}")
    return base64.b64encode(data).decode("ascii")
