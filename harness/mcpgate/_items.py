"""Resources and prompts in the child: their definitions, and one order of one of them."""

from __future__ import annotations

import inspect
from typing import Any

from ._completion import Completion, choices_of, complete_result
from ._context import Context
from ._declared import Declared, declared
from ._prompt import Prompt, get_result
from ._resource import Resource, read_result
from ._schema import ArgumentError, UnsupportedAnnotation
from ._signature import Signature

#: By the word that the daemon names them by.
KINDS: dict[str, type[Declared]] = {"resource": Resource, "prompt": Prompt}


def definition(item: Resource | Prompt) -> dict[str, Any]:
    """As MCP's lists show it, and `completes`: what can be completed of it."""
    signature = Signature(item)
    shown = signature.titles()
    if isinstance(item, Resource):
        _check_variables(item, signature)
        shown = {"uriTemplate" if item.variables else "uri": item.uri, **shown}
        if item.mime_type:
            shown["mimeType"] = item.mime_type
        if item.annotations:
            shown["annotations"] = item.annotations
    elif signature.members:
        shown["arguments"] = [
            {"name": name, "required": member.required}
            | ({"description": member.description} if member.description else {})
            for name, member in signature.described().items()
        ]
    completes = [name for name in signature.members if _completer(item, signature, name)]
    return {**shown, **item.extras(), **({"completes": completes} if completes else {})}


def _check_variables(item: Resource, signature: Signature) -> None:
    where = f"@resource({item.uri!r}): {item.function.__name__}()"
    for name in item.variables:
        if name not in signature.members:
            raise UnsupportedAnnotation(f"{where}: no parameter for the variable {name}")
    for name, member in signature.members.items():
        if name not in item.variables and member.required:
            raise UnsupportedAnnotation(f"{where}: no variable for the parameter {name}")


def check_completions(items: list[Declared]) -> None:
    """Each completion is of something that is declared in the same file."""
    for found in items:
        if isinstance(found, Completion):
            owners = [item for item in items if item.function is found.of
                      and isinstance(item, (Resource, Prompt))]  # fmt: skip
            if not owners or found.argument not in Signature(owners[0]).members:
                raise UnsupportedAnnotation(
                    f"@completion before {found.name}(): {found.of.__name__} is no prompt or "
                    f"resource of this file with a parameter {found.argument}"
                )


def _completer(item: Declared, signature: Signature, argument: str) -> Any:
    """A declared completion, or the choices of the parameter's type; else nothing."""
    for found in declared:
        if isinstance(found, Completion) and found.of is item.function:
            if found.argument == argument:
                return found
    return choices_of(signature.members[argument].shape)


def serve(item: Declared, signature: Signature, order: dict[str, Any], context: Context) -> Any:
    """Runs one order; see src/sandbox/item_call.h. May return an awaitable of its result."""
    if "complete" in order:
        return _complete(item, signature, order["complete"], context)
    if isinstance(item, Resource):
        uri = order["read"]["uri"]
        positional, named = signature.bind_texts(order["read"]["variables"], context)
        return _finish(item.function(*positional, **named), lambda v: read_result(v, item, uri))
    positional, named = signature.bind_texts(order["get"], context)
    described = signature.titles().get("description")
    return _finish(item.function(*positional, **named), lambda v: get_result(v, described))


def _finish(value: Any, make: Any) -> Any:
    if not inspect.isawaitable(value):
        return make(value)

    async def wait() -> Any:
        return make(await value)

    return wait()


def _complete(
    item: Declared, signature: Signature, order: dict[str, Any], context: Context
) -> Any:
    argument, typed = order["argument"], order["value"]
    if argument not in signature.members:
        raise ArgumentError(f"{argument}: there is no such argument")
    completer = _completer(item, signature, argument)
    if not isinstance(completer, Completion):
        return complete_result(completer or [], typed)
    inner = Signature(completer)
    known = {name: text for name, text in order["arguments"].items() if name in inner.members}
    positional, named = inner.bind_texts(known | {"value": typed}, context)
    return _finish(completer.function(*positional, **named), lambda v: complete_result(v, typed))
