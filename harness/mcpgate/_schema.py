"""Type hints → JSON Schema 2020-12, and JSON → the types that were hinted.

Both go through a *shape*, one class per kind of type: `schema()` describes it, `parse()` makes the
Python value of a JSON value or says what is wrong and where.
"""

from __future__ import annotations

import base64
import binascii
import collections.abc
import dataclasses
import datetime
import enum
import pathlib
import re
import types
import typing
import uuid
from typing import Any, Callable, Literal, Union

Schema = dict[str, Any]


class UnsupportedAnnotation(Exception):
    """A type hint that has no JSON Schema; says where it stands."""


class ArgumentError(Exception):
    """A value that does not fit its type: where, and what was expected."""


#: No default. (dataclasses.MISSING cannot be the default of a dataclass's field.)
_MISSING: Any = object()

#: Field's keywords → JSON Schema's, by what they are said of.
_NUMBER = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
           "multiple_of": "multipleOf"}  # fmt: skip
_STRING = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
_ARRAY = {"min_length": "minItems", "max_length": "maxItems"}
_OBJECT = {"min_length": "minProperties", "max_length": "maxProperties"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Field:
    default: Any = _MISSING
    title: str | None = None
    description: str | None = None
    examples: list[Any] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    header: str | None = None


def Field(default: Any = _MISSING, **options: Any) -> Any:  # noqa: N802, named as pydantic's
    """What a type alone cannot say: `Annotated[int, Field(description="…", ge=1, le=100)]`, or as a
    default: `limit: int = Field(20, le=100)`.

    Options: title, description, examples; ge, gt, le, lt, multiple_of for numbers; min_length,
    max_length, pattern for texts; min_length, max_length for lists and dicts. header: the value of
    a tool's own argument is repeated in the HTTP header `Mcp-Param-…` of that name, for whoever
    routes requests; not for secrets.
    """
    return _Field(default=default, **options)


class Shape:
    """Any JSON value."""

    #: Which of Field's keywords may be said of it.
    keywords: dict[str, str] = {}

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {}

    def parse(self, value: Any, where: str) -> Any:
        return value


def _expected(what: str, value: Any, where: str) -> ArgumentError:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean",
             int: "a number", float: "a number", type(None): "null"}  # fmt: skip
    return ArgumentError(f"{where}: expected {what}, got {names.get(type(value), 'something else')}")


class _Scalar(Shape):
    """One of JSON's own types."""

    def __init__(self, json_type: str, what: str, fits: Callable[[Any], bool], convert: Any,
                 keywords: dict[str, str]) -> None:  # fmt: skip
        self.json_type, self.what, self.fits = json_type, what, fits
        self.convert, self.keywords = convert, keywords

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": self.json_type}

    def parse(self, value: Any, where: str) -> Any:
        if not self.fits(value):
            raise _expected(self.what, value, where)
        return self.convert(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


_SCALARS: dict[Any, Shape] = {
    Any: Shape(),
    object: Shape(),
    str: _Scalar("string", "a string", lambda v: isinstance(v, str), str, _STRING),
    int: _Scalar("integer", "an integer", _is_integer, int, _NUMBER),
    float: _Scalar("number", "a number", _is_number, float, _NUMBER),
    bool: _Scalar("boolean", "a boolean", lambda v: isinstance(v, bool), bool, {}),
    None: _Scalar("null", "null", lambda v: v is None, lambda v: None, {}),
    type(None): _Scalar("null", "null", lambda v: v is None, lambda v: None, {}),
}


class _Formatted(Shape):
    """A Python type that JSON carries as a string of a certain form."""

    def __init__(self, extra: Schema, what: str, convert: Callable[[str], Any]) -> None:
        self.extra, self.what, self.convert = extra, what, convert

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "string", **self.extra}

    def parse(self, value: Any, where: str) -> Any:
        if not isinstance(value, str):
            raise _expected(self.what, value, where)
        try:
            return self.convert(value)
        except (ValueError, binascii.Error):
            raise ArgumentError(f"{where}: expected {self.what}") from None


_FORMATTED: dict[Any, Shape] = {
    datetime.datetime: _Formatted({"format": "date-time"}, "a date and time as in RFC 3339",
                                  datetime.datetime.fromisoformat),
    datetime.date: _Formatted({"format": "date"}, "a date as YYYY-MM-DD",
                              datetime.date.fromisoformat),
    datetime.time: _Formatted({"format": "time"}, "a time as HH:MM:SS",
                              datetime.time.fromisoformat),
    uuid.UUID: _Formatted({"format": "uuid"}, "a UUID", uuid.UUID),
    pathlib.Path: _Formatted({}, "a path", pathlib.Path),
    bytes: _Formatted({"contentEncoding": "base64"}, "base64",
                      lambda text: base64.b64decode(text, validate=True)),
}  # fmt: skip


class _Choice(Shape):
    """Literal or Enum: one of some values."""

    def __init__(self, choices: list[tuple[Any, Any]]) -> None:
        #: (JSON value, Python value)
        self.choices = choices

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        values = [value for value, _ in self.choices]
        kinds = {type(value) for value in values}
        name = {str: "string", int: "integer", bool: "boolean"}.get(next(iter(kinds)))
        if len(kinds) == 1 and name:
            return {"type": name, "enum": values}
        return {"enum": values}

    def parse(self, value: Any, where: str) -> Any:
        for choice, result in self.choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return result
        names = ", ".join(repr(choice) for choice, _ in self.choices)
        raise ArgumentError(f"{where}: expected one of {names}")


class _Array(Shape):
    """list, set, frozenset, tuple[T, ...]: items of one shape."""

    keywords = _ARRAY

    def __init__(self, item: Shape, make: Callable[[list[Any]], Any], unique: bool) -> None:
        self.item, self.make, self.unique = item, make, unique

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        schema: Schema = {"type": "array", "items": self.item.schema(definitions)}
        if self.unique:
            schema["uniqueItems"] = True
        return schema

    def parse(self, value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _expected("an array", value, where)
        parse = self.item.parse
        try:
            return self.make([parse(item, where) for item in value])
        except ArgumentError:  # again, to say which: places cost more than parsing
            return self.make([parse(item, f"{where}[{i}]") for i, item in enumerate(value)])


class _Tuple(Shape):
    """tuple[A, B]: as many items as shapes."""

    def __init__(self, items: list[Shape]) -> None:
        self.items = items

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        count = len(self.items)
        return {"type": "array", "prefixItems": [item.schema(definitions) for item in self.items],
                "minItems": count, "maxItems": count}  # fmt: skip

    def parse(self, value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) != len(self.items):
            raise ArgumentError(f"{where}: expected an array of {len(self.items)} items")
        pairs = zip(self.items, value)
        return tuple(shape.parse(item, f"{where}[{i}]") for i, (shape, item) in enumerate(pairs))


class _Dict(Shape):
    """dict[str, T]."""

    keywords = _OBJECT

    def __init__(self, value: Shape) -> None:
        self.value = value

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        inner = self.value.schema(definitions)
        return {"type": "object", "additionalProperties": inner} if inner else {"type": "object"}

    def parse(self, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _expected("an object", value, where)
        return {key: self.value.parse(item, f"{where}.{key}") for key, item in value.items()}


class _Union(Shape):
    """The first alternative that fits, the narrow ones first: 1 is an int before it is a float, and
    a date is a string too."""

    def __init__(self, members: list[Shape]) -> None:
        self.members = members
        rank = {id(_SCALARS[float]): 1, id(_SCALARS[str]): 2, id(_SCALARS[Any]): 3}
        self._narrow_first = sorted(members, key=lambda member: rank.get(id(member), 0))

    @property
    def keywords(self) -> dict[str, str]:  # type: ignore[override]
        # Optional[T] takes what T takes.
        kinds = [member.keywords for member in self.members if member.keywords]
        return kinds[0] if len(kinds) == 1 else {}

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [member.schema(definitions) for member in self.members]}

    def parse(self, value: Any, where: str) -> Any:
        errors = []
        for member in self._narrow_first:
            try:
                return member.parse(value, where)
            except ArgumentError as error:
                errors.append(str(error))
        raise ArgumentError("; or ".join(dict.fromkeys(errors)))


@dataclasses.dataclass
class _Member:
    shape: Shape
    required: bool
    default: Any = _MISSING
    description: str | None = None


class _Record(Shape):
    """A dataclass or TypedDict, described once under $defs and referred to: it may hold itself."""

    def __init__(self, kind: type, closed: bool) -> None:
        self.kind, self.closed = kind, closed
        #: Set after construction, since they may lead back here.
        self.members: dict[str, _Member] = {}

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        name = self.kind.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name].update(object_schema(self.members, definitions, self.closed))
            summary = _summary(self.kind)
            if summary:
                definitions[name]["description"] = summary
        return {"$ref": f"#/$defs/{name}"}

    def parse(self, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _expected("an object", value, where)
        known = parse_object(self.members, value, f"{where}.", self.closed)
        if self.closed:
            return self.kind(**known)
        return {**value, **known}


class _Constrained(Shape):
    """A shape with a Field."""

    def __init__(self, inner: Shape, field: _Field, where: str) -> None:
        self.inner, self.field = inner, field
        self.keywords = inner.keywords
        said = {key: getattr(field, key) for key in (*_NUMBER, *_STRING)}
        self.constraints = {key: value for key, value in said.items() if value is not None}
        for key in self.constraints:
            if key not in inner.keywords:
                raise UnsupportedAnnotation(f"{where}: Field({key}=…) does not apply to this type")
        self.pattern = None
        if field.pattern is not None:
            try:
                self.pattern = re.compile(field.pattern)
            except re.error as error:
                raise UnsupportedAnnotation(f"{where}: Field(pattern=…): {error}") from None

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        schema = self.inner.schema(definitions)
        target = schema
        if "anyOf" in schema:  # Optional[T]: the constraints are T's
            target = next(
                (s for s, m in zip(schema["anyOf"], getattr(self.inner, "members", []))
                 if m.keywords),
                schema,
            )  # fmt: skip
        target.update({self.keywords[key]: value for key, value in self.constraints.items()})
        texts = {"title": self.field.title, "description": self.field.description,
                 "examples": self.field.examples, "x-mcp-header": self.field.header}  # fmt: skip
        return {**schema, **{key: text for key, text in texts.items() if text is not None}}

    def parse(self, value: Any, where: str) -> Any:
        result = self.inner.parse(value, where)
        if value is not None:
            for key, bound in self.constraints.items():
                self._check(key, bound, value, where)
        return result

    def _check(self, key: str, bound: Any, value: Any, where: str) -> None:
        wrong = {
            "ge": lambda: value < bound and f"must be at least {bound}",
            "gt": lambda: value <= bound and f"must be more than {bound}",
            "le": lambda: value > bound and f"must be at most {bound}",
            "lt": lambda: value >= bound and f"must be less than {bound}",
            "multiple_of": lambda: value % bound != 0 and f"must be a multiple of {bound}",
            "min_length": lambda: len(value) < bound and f"must have at least {bound} items or "
            "characters",
            "max_length": lambda: len(value) > bound and f"must have at most {bound} items or "
            "characters",
            "pattern": lambda: not self.pattern.search(value)  # type: ignore[union-attr]
            and f"must match {bound}",
        }[key]()
        if wrong:
            raise ArgumentError(f"{where}: {wrong}")


def _summary(kind: type) -> str | None:
    doc = kind.__doc__ or ""
    if doc.startswith(f"{kind.__name__}("):  # what @dataclass writes by itself
        return None
    return doc.strip().split("\n\n")[0].strip() or None


def object_schema(members: dict[str, _Member], definitions: dict[str, Schema],
                  closed: bool) -> Schema:  # fmt: skip
    """The schema of an object with these members."""
    from ._result import plain  # it needs no shapes, but the dump of defaults

    properties: dict[str, Schema] = {}
    for name, member in members.items():
        schema = member.shape.schema(definitions)
        if member.description and "description" not in schema:
            schema = {**schema, "description": member.description}
        if member.default is not _MISSING:
            schema = {**schema, "default": plain(member.default, name)}
        properties[name] = schema
    result: Schema = {"type": "object", "properties": properties}
    required = [name for name, member in members.items() if member.required]
    if required:
        result["required"] = required
    if closed:
        result["additionalProperties"] = False
    return result


def parse_object(members: dict[str, _Member], value: dict[str, Any], prefix: str,
                 closed: bool) -> dict[str, Any]:  # fmt: skip
    """The members that `value` has, as Python values."""
    for name in value:
        if closed and name not in members:
            raise ArgumentError(f"{prefix}{name}: there is no such argument")
    result = {}
    for name, member in members.items():
        if name in value:
            result[name] = member.shape.parse(value[name], f"{prefix}{name}")
        elif member.required:
            raise ArgumentError(f"{prefix}{name}: is required")
    return result


class ShapeBuilder:
    """Makes shapes of annotations. `where` in errors names file, function and parameter."""

    def __init__(self) -> None:
        self._records: dict[type, _Record] = {}

    def build(self, annotation: Any, where: str) -> Shape:
        try:
            known = _SCALARS.get(annotation) or _FORMATTED.get(annotation)
        except TypeError:  # not hashable
            known = None
        if known:
            return known
        origin = typing.get_origin(annotation)
        if origin is not None:
            return self._build_generic(annotation, origin, typing.get_args(annotation), where)
        if annotation in (list, set, frozenset, tuple):
            return _Array(Shape(), annotation, annotation in (set, frozenset))
        if annotation is dict:
            return _Dict(Shape())
        if isinstance(annotation, type):
            return self._build_class(annotation, where)
        raise UnsupportedAnnotation(f"{where}: {annotation!r} has no JSON form")

    def _build_generic(self, annotation: Any, origin: Any, args: Any, where: str) -> Shape:
        if origin is typing.Annotated:
            return self._build_annotated(args, where)
        if origin in (Union, types.UnionType):
            return _Union([self.build(arg, where) for arg in args])
        if origin is Literal:
            return _Choice([(value, value) for value in args])
        if origin in (list, collections.abc.Sequence, collections.abc.Iterable):
            return _Array(self.build(args[0], where), list, False)
        if origin in (set, frozenset):
            return _Array(self.build(args[0], where), origin, True)
        if origin is tuple:
            if len(args) == 2 and args[1] is ...:
                return _Array(self.build(args[0], where), tuple, False)
            return _Tuple([self.build(arg, where) for arg in args])
        if origin in (dict, collections.abc.Mapping):
            if args[0] is not str:
                raise UnsupportedAnnotation(f"{where}: {annotation!r}: the keys of JSON objects "
                                            "are strings")  # fmt: skip
            return _Dict(self.build(args[1], where))
        if origin in (typing.Required, typing.NotRequired):
            return self.build(args[0], where)
        raise UnsupportedAnnotation(f"{where}: {annotation!r} has no JSON form")

    def _build_annotated(self, args: Any, where: str) -> Shape:
        shape = self.build(args[0], where)
        for extra in args[1:]:
            if isinstance(extra, str):
                extra = _Field(description=extra)
            if isinstance(extra, _Field):
                shape = _Constrained(shape, extra, where)
        return shape

    def _build_class(self, kind: type, where: str) -> Shape:
        if issubclass(kind, enum.Enum):
            for item in kind:
                if not isinstance(item.value, (str, int, float, bool)):
                    raise UnsupportedAnnotation(f"{where}: {item} has no JSON form")
            return _Choice([(item.value, item) for item in kind])
        if dataclasses.is_dataclass(kind):
            return self._build_record(kind, True, where)
        if typing.is_typeddict(kind):
            return self._build_record(kind, False, where)
        raise UnsupportedAnnotation(
            f"{where}: {kind.__module__}.{kind.__qualname__} has no JSON form; use a dataclass, a "
            "TypedDict or one of JSON's own types"
        )

    def _build_record(self, kind: type, closed: bool, where: str) -> Shape:
        if kind in self._records:
            return self._records[kind]
        if any(other.__name__ == kind.__name__ for other in self._records):
            raise UnsupportedAnnotation(f"{where}: two types are called {kind.__name__}")
        record = self._records[kind] = _Record(kind, closed)
        hints = resolve_hints(kind, where)
        if not closed:
            for name, hint in hints.items():
                inner = self.build(hint, f"{where}: {kind.__name__}.{name}")
                required = name in kind.__required_keys__  # type: ignore[attr-defined]
                record.members[name] = _Member(inner, required, _MISSING)
            return record
        for field in dataclasses.fields(kind):
            if field.init:
                inner = self.build(hints[field.name], f"{where}: {kind.__name__}.{field.name}")
                default = field.default
                if field.default_factory is not dataclasses.MISSING:
                    default = field.default_factory()
                elif default is dataclasses.MISSING:
                    default = _MISSING
                record.members[field.name] = _Member(inner, default is _MISSING, default)
        return record

    def member(self, annotation: Any, default: Any, where: str) -> _Member:
        """A parameter; its default may be a Field."""
        shape = self.build(annotation, where)
        if isinstance(default, _Field):
            shape = _Constrained(shape, default, where)
            default = default.default
        return _Member(shape, default is _MISSING, default)


def resolve_hints(thing: Any, where: str) -> dict[str, Any]:
    """Type hints with strings and forward references resolved."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception as error:
        raise UnsupportedAnnotation(f"{where}: {type(error).__name__}: {error}") from None
