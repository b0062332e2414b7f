"""A tool's function as the client sees it: arguments in, result out."""

from __future__ import annotations

import inspect
import json
import os
import types
import typing
from dataclasses import dataclass
from typing import Any, Iterator

from . import _docstring
from ._content import BLOCKS
from ._context import Context
from ._schema import (
    ArgumentError,
    Schema,
    Shape,
    ShapeBuilder,
    UnsupportedAnnotation,
    object_schema,
    parse_object,
    resolve_hints,
)
from ._schema import _MISSING, _Dict, _Member, _Record
from ._declared import Declared
from ._tool import Tool


@dataclass(frozen=True)
class Output:
    """A return annotation. Text, content blocks, Any and nothing have no shape: they are sent as
    content alone. Shapes that are no object are wrapped as `{"result": …}`."""

    shape: Shape | None
    wrapped: bool = False


def _is_context(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_is_context(arg) for arg in typing.get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, Context)


def _is_content(annotation: Any) -> bool:
    """A content block, or lists and unions in which there is one."""
    args = typing.get_args(annotation)
    return annotation in BLOCKS or any(_is_content(arg) for arg in args)


_SIMPLE = frozenset((str, int, float, bool, Context, None))


def _hints_of(function: Any, where: str) -> dict[str, Any]:
    """Type hints; those that need no resolving are taken as they are, since resolving them is the
    dearest step of a small call."""
    hints = getattr(function, "__annotations__", {})
    if not hasattr(function, "__wrapped__"):
        if all(isinstance(hint, type) and hint in _SIMPLE for hint in hints.values()):
            return dict(hints)
    return resolve_hints(function, where)


def _parameters_of(function: Any) -> Iterator[tuple[str, bool, Any]]:
    """(name, positional only, default) of each parameter; *args and **kwargs as `*name`."""
    if hasattr(function, "__wrapped__"):  # functools.wraps: the inner function's
        function = inspect.unwrap(function)
    code = function.__code__
    count = code.co_argcount
    defaults = function.__defaults__ or ()
    named = code.co_varnames[: count + code.co_kwonlyargcount]
    by_name = dict(zip(named[count - len(defaults) : count], defaults))
    by_name.update(function.__kwdefaults__ or {})
    for index, name in enumerate(named):
        yield name, index < code.co_posonlyargcount, by_name.get(name, _MISSING)
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        yield "*" + code.co_varnames[len(named)], False, _MISSING


def _parse_text(shape: Shape, text: str, where: str) -> Any:
    try:
        return shape.parse(text, where)
    except ArgumentError:
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        return shape.parse(value, where)


class Signature:
    """Parameters and result of what was declared. Making one fails with UnsupportedAnnotation,
    which names file, function and parameter."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        #: As the author wrote it.
        self._own_schema: Schema | None = getattr(declared, "input_schema", None)
        function = declared.function
        file = os.path.basename(function.__code__.co_filename)
        self._where = f"{file}: {function.__name__}()"
        self._hints = _hints_of(function, self._where)
        self.context_parameter: str | None = None
        self.members: dict[str, _Member] = {}
        #: Positional-only parameters, in order.
        self._positional: list[str] = []
        self._builder = ShapeBuilder()
        for name, positional_only, default in _parameters_of(function):
            self._add(name, positional_only, default)
        if self._own_schema is not None and len(self.members) != 1:
            raise UnsupportedAnnotation(f"{self._where}: with an input_schema of its own it takes "
                                        "one parameter for all arguments, beside Context")  # fmt: skip

    def _add(self, name: str, positional_only: bool, default: Any) -> None:
        where = f"{self._where}: parameter '{name}'"
        if name[0] == "*":
            raise UnsupportedAnnotation(f"{where}: *args and **kwargs have no schema; name them")
        annotation = self._hints.get(name, Any)
        if _is_context(annotation):
            self.context_parameter = name
        else:
            self.members[name] = self._builder.member(annotation, default, where)
        if positional_only:
            self._positional.append(name)

    def bind(self, arguments: dict[str, Any], context: Context) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments of the call, converted to the hinted types."""
        if self._own_schema is not None:
            arguments = {next(iter(self.members)): arguments}
        return self._placed(parse_object(self.members, arguments, "", closed=True), context)

    def bind_texts(
        self, texts: dict[str, str], context: Context
    ) -> tuple[list[Any], dict[str, Any]]:
        """The same where MCP has texts alone: one that is none for its type is read as JSON."""
        for name in texts:
            if name not in self.members:
                raise ArgumentError(f"{name}: there is no such argument")
        values = {}
        for name, member in self.members.items():
            if name in texts:
                values[name] = _parse_text(member.shape, texts[name], name)
            elif member.required:
                raise ArgumentError(f"{name}: is required")
        return self._placed(values, context)

    def _placed(
        self, values: dict[str, Any], context: Context
    ) -> tuple[list[Any], dict[str, Any]]:
        for name, member in self.members.items():
            if name not in values:  # its default may stand inside a Field
                values[name] = member.default
        if self.context_parameter:
            values[self.context_parameter] = context
        return [values.pop(name) for name in self._positional], values

    def output(self) -> Output:
        annotation = self._hints.get("return", Any)
        plain_text = annotation in (Any, None, type(None), str, object)
        if plain_text or _is_content(annotation):
            return Output(None)
        shape = self._builder.build(annotation, f"{self._where}: return value")
        return Output(shape, wrapped=not isinstance(shape, (_Record, _Dict)))

    def input_schema(self) -> Schema:
        if self._own_schema is not None:
            return self._own_schema
        definitions: dict[str, Schema] = {}
        schema = object_schema(self.described(), definitions, closed=True)
        return {**schema, "$defs": definitions} if definitions else schema

    def described(self) -> dict[str, _Member]:
        """The parameters, each with what the docstring says of it."""
        _, descriptions = _docstring.parse(self._declared.function.__doc__)
        for name, member in self.members.items():
            member.description = descriptions.get(name)
        return self.members

    def output_schema(self) -> Schema | None:
        output = self.output()
        if output.shape is None:
            return None
        definitions: dict[str, Schema] = {}
        schema = output.shape.schema(definitions)
        if output.wrapped:
            schema = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
        elif "$ref" in schema:
            # MCP demands `type: object` at the root, where a bare reference has none.
            schema = dict(definitions[schema["$ref"].rpartition("/")[2]])
        return {**schema, "$defs": definitions} if definitions else schema

    def titles(self) -> dict[str, Any]:
        """Name, title and description, as every definition begins."""
        declared = self._declared
        titles: dict[str, Any] = {"name": declared.name}
        if declared.title:
            titles["title"] = declared.title
        description = declared.description
        if description is None:
            description, _ = _docstring.parse(declared.function.__doc__)
        if description:
            titles["description"] = description
        return titles

    def definition(self) -> dict[str, Any]:
        """The tool as `tools/list` shows it."""
        tool = self._declared
        assert isinstance(tool, Tool)
        definition = self.titles()
        definition["inputSchema"] = self.input_schema()
        output_schema = self.output_schema()
        if output_schema is not None:
            definition["outputSchema"] = output_schema
        if tool.task is not None:
            definition["execution"] = {"taskSupport": tool.task}
        if tool.annotations:
            definition["annotations"] = tool.annotations
        extras = tool.extras()
        if tool.ask_first:
            extras["_meta"] = {**extras.get("_meta", {}), "io.mcpgate/askFirst": True}
        return {**definition, **extras}
