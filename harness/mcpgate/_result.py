"""Return values → CallToolResult."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import pathlib
import uuid
from typing import Any

from ._channel import encode
from ._content import BLOCKS

_DEPTH_MAX = 60
#: Nothing is to be done with them, and most of a large result are such.
_ATOMS = frozenset((str, bool, type(None)))
#: What the gateway's JSON holds exactly; a reader of JSON may hold less (RFC 7493, 2.2).
INT_MIN, INT_MAX = -(1 << 63), (1 << 64) - 1


class UnfitResult(Exception):
    """A value that cannot be a result: which, and where in it."""


class TooMuchOutput(Exception):
    """A result larger than the set's limit."""


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """The value in JSON's own types. Dataclasses, enums, dates, paths and sets are converted."""
    if value is None or isinstance(value, (bool, str, int)) and not isinstance(value, enum.Enum):
        if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
            raise UnfitResult(f"{where} is an integer beyond 64 bits (−2⁶³ to 2⁶⁴ − 1): return it "
                              "as a string")  # fmt: skip
        return value
    if depth > _DEPTH_MAX:
        raise UnfitResult(f"{where} is nested deeper than {_DEPTH_MAX}, or holds itself")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnfitResult(f"{where} is {value}, which JSON cannot say")
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [item if type(item) in _ATOMS or type(item) is int and 0 <= item <= INT_MAX
                else plain(item, f"{where}[{i}]", depth + 1)
                for i, item in enumerate(value)]  # fmt: skip
    if isinstance(value, dict):
        return {_key(key, where): item
                if type(item) in _ATOMS or type(item) is int and 0 <= item <= INT_MAX
                else plain(item, f"{where}.{key}", depth + 1)
                for key, item in value.items()}  # fmt: skip
    if isinstance(value, enum.Enum):
        return plain(value.value, where, depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), f"{where}.{field.name}", depth + 1)
                for field in dataclasses.fields(value) if field.init}  # fmt: skip
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (pathlib.PurePath, uuid.UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise UnfitResult(f"{where} is bytes, which JSON cannot say: return Image(…), Audio(…), "
                          "EmbeddedResource(…), or text")  # fmt: skip
    raise UnfitResult(f"{where} is of type {type(value).__name__}, which has no JSON form")


def _key(key: Any, where: str) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise UnfitResult(f"{where} has a key of type {type(key).__name__}; JSON's keys are strings")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def error_result(message: str) -> dict[str, Any]:
    return {"content": [_text(message)], "isError": True}


def to_result(value: Any, output: Any, bytes_max: int) -> dict[str, Any]:
    """What the tool returned as a CallToolResult. `output` describes its return annotation, see
    _signature.Output."""
    if value is None and not output.shape:
        return {"content": []}
    if isinstance(value, str) and not output.shape:
        return {"content": [_text(value)]}
    if isinstance(value, BLOCKS):
        return {"content": [value.block()]}
    if isinstance(value, (list, tuple)) and value and any(isinstance(v, BLOCKS) for v in value):
        return {"content": [_block(item, i) for i, item in enumerate(value)]}
    data = plain(value, "the result")
    if output.shape:
        output.shape.parse(data, "the result")
    structured = {"result": data} if output.wrapped else data
    text = encode(data).decode("utf-8")
    if len(text) > bytes_max:
        raise TooMuchOutput(len(text))
    result: dict[str, Any] = {"content": [_text(text)]}
    if output.shape or isinstance(structured, dict):
        result["structuredContent"] = structured
    return result


def _block(item: Any, index: int) -> dict[str, Any]:
    if isinstance(item, BLOCKS):
        return item.block()
    if isinstance(item, str):
        return _text(item)
    return _text(encode(plain(item, f"the result[{index}]")).decode("utf-8"))
