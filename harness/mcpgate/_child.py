"""One call, or one description of the set, in the locked child."""

from __future__ import annotations

import errno
import inspect
import os
import sys
import tempfile
import traceback
from typing import Any

from . import _items, _tool
from ._channel import ERROR, RESULT, Channel, encode
from ._context import Context
from ._declared import Declared, declared
from ._result import TooMuchOutput, UnfitResult, error_result, to_result
from ._schema import ArgumentError, UnsupportedAnnotation
from ._signature import Signature
from ._sources import SourceImporter

#: Set by the zygote.
importer: SourceImporter = None  # type: ignore[assignment]

#: What prepare() found, or how it failed.
_prepared: tuple[Any, Signature] | BaseException | None = None

_HARNESS = os.path.dirname(__file__)
#: All that a tool can write to is the sandbox's: these are its limits, not the tool's mistakes.
_NO_SPACE = (errno.EFBIG, errno.ENOSPC, errno.EDQUOT)


class _Stopped(Exception):
    """The call ends without a result of the tool: (reason as EndReason has it, text)."""


def serve() -> int:
    """The child's whole life; its exit status."""
    channel = Channel()
    try:
        request = channel.read_request()
        tempfile.tempdir = request["tmp"]
        answer = _describe() if request["op"] == "describe" else _call(channel, request)
        _flush(channel)
        payload = encode(answer)
        _check_size(len(payload), request["outputBytes"])
        channel.answer(RESULT, payload)
    except MemoryError:
        channel.answer(ERROR, b"memory\nran out of address space")
        return 1
    except _Stopped as stopped:
        channel.answer(ERROR, "\n".join(stopped.args).encode("utf-8", "replace"))
        return 1
    return 0


def _flush(channel: Channel) -> None:
    try:
        channel.tell_dropped()
    except (OSError, ValueError, AttributeError):
        pass  # as below
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the tool closed it or put something else in its place


def _check_size(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise _Stopped("output", f"the result has {size} bytes; the limit is {bytes_max}")


# ---- One call


def rehearse(source: SourceImporter, tool_name: str, arguments: dict[str, Any]) -> None:
    """A whole call of a tool of our own, in the zygote: what the interpreter specializes and caches
    by the way, no child has to. Leaves no tool behind."""
    global importer
    actual, importer = importer, source
    sys.meta_path.insert(0, source)  # type: ignore[arg-type]
    try:
        tool, signature = _find("rehearsal.py", tool_name)
        positional, named = signature.bind(arguments, None)  # type: ignore[arg-type]
        encode(_result(tool.function(*positional, **named), signature, 1 << 20, tool_name))
    finally:
        importer = actual
        sys.meta_path.remove(source)  # type: ignore[arg-type]
        declared.clear()
        for file in source.files:
            sys.modules.pop(file.removesuffix(".py"), None)


def _call(channel: Channel, request: dict[str, Any]) -> dict[str, Any]:
    if "kind" in request:
        return _call_item(channel, request)
    tool, signature = _find(request["file"], request["tool"])
    context = Context(channel, request)
    try:
        positional, named = signature.bind(request["arguments"], context)
    except ArgumentError as error:
        return error_result(f"Invalid argument {error}")
    value, failure = _run(lambda: tool.function(*positional, **named))
    return failure or _result(value, signature, request["outputBytes"], tool.name)


def _call_item(channel: Channel, request: dict[str, Any]) -> dict[str, Any]:
    """A resource or prompt; see src/sandbox/item_call.h."""
    item, signature = _find(request["file"], request["tool"], _items.KINDS[request["kind"]])
    context = Context(channel, request)
    value, failure = _run(lambda: _items.serve(item, signature, request["arguments"], context))
    return failure or {"content": [], "structuredContent": value}


def _run(function: Any) -> tuple[Any, dict[str, Any] | None]:
    """What the function returned, or the result that says how it failed."""
    try:
        value = function()
        if inspect.isawaitable(value):
            value = _await(value)
        return value, None
    except MemoryError:
        raise
    except (_tool.ToolError, ArgumentError, UnfitResult) as error:
        return None, error_result(str(error))
    except BaseException as error:
        _print_traceback(error)
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            raise _Stopped("output", "wrote more than it may: " + os.strerror(error.errno)) from None
        return None, error_result(_describe_exception(error))


def _result(value: Any, signature: Signature, bytes_max: int, name: str) -> dict[str, Any]:
    if isinstance(value, str):
        _check_size(len(value), bytes_max)  # before it is copied twice
    try:
        return to_result(value, signature.output(), bytes_max)
    except TooMuchOutput as error:
        raise _Stopped(
            "output", f"the result has {error} bytes; the limit is {bytes_max}"
        ) from None
    except UnfitResult as error:
        return error_result(f"The tool {name} returned something that cannot be a result: {error}")
    except (ArgumentError, ValueError, TypeError, RecursionError) as error:
        return error_result(f"The tool {name} returned something else than it declares: {error}")


def _await(value: Any) -> Any:
    import asyncio  # only for those who need it: it takes some ms

    async def run() -> Any:
        return await value

    return asyncio.run(run())


def prepare(file: str, tool_name: str, tmp: str) -> None:
    """Loads the tool that the call will be of, in a child that waits for it and serves no other. The
    call says what went wrong, as if it had happened in it."""
    global _prepared
    tempfile.tempdir = tmp
    try:
        _prepared = _load(file, tool_name, _tool.Tool)
    except BaseException as error:
        _prepared = error


def _find(file: str, name: str, kind: type = _tool.Tool) -> tuple[Any, Signature]:
    try:
        if isinstance(_prepared, BaseException):
            raise _prepared
        found = _prepared or _load(file, name, kind)
    except MemoryError:
        raise
    except BaseException as error:
        _print_traceback(error)
        raise _Stopped("crashed", f"{file}: {_describe_exception(error)}") from None
    if found is None:
        raise _Stopped("crashed", f"{file} declares no {kind.__name__.lower()} {name}")
    return found


def _load(file: str, name: str, kind: type) -> tuple[Any, Signature] | None:
    module = file.removesuffix(".py")
    importer.load(file)
    for item in declared:
        if item.module == module and item.name == name and isinstance(item, kind):
            return item, Signature(item)
    return None


def _describe_exception(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the tool called sys.exit({error.code!r})"
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _print_traceback(error: BaseException) -> None:
    """The author's part of the traceback, to stderr: for the operator's log, not for the client."""
    frames = error.__traceback__
    while frames and os.path.dirname(frames.tb_frame.f_code.co_filename) == _HARNESS:
        frames = frames.tb_next
    try:
        traceback.print_exception(type(error), error, frames)
    except Exception:
        print(f"{type(error).__name__} (its traceback cannot be shown)", file=sys.stderr)


# ---- The set's description


def _describe() -> dict[str, Any]:
    """All that the set declares; what is wrong with one file is said beside the others'."""
    described: dict[str, list[dict[str, Any]]] = {"tools": [], "resources": [], "prompts": []}
    errors: list[dict[str, str]] = []
    names: dict[tuple[str, str], str] = {}
    for file in importer.tool_files():
        try:
            for item in _declared_by(file):
                _describe_item(file, item, names, described)
        except (UnsupportedAnnotation, ValueError) as error:
            errors.append({"file": file, "error": str(error)})
        except BaseException as error:
            _print_traceback(error)
            errors.append({"file": file, "error": _describe_exception(error)})
    return {**described, "errors": errors}


def _describe_item(
    file: str,
    item: Declared,
    names: dict[tuple[str, str], str],
    described: dict[str, list[dict[str, Any]]],
) -> None:
    kind = type(item).__name__.lower()
    if f"{kind}s" not in described:
        return  # a completion, which belongs to another
    for key in ((kind, item.name), ("URI", getattr(item, "uri", ""))):
        if key[1] and key in names:
            raise ValueError(f"{key[0]} '{key[1]}' is declared in {names[key]} already")
        names[key] = file
    if isinstance(item, _tool.Tool):
        entry = {"file": file, "definition": Signature(item).definition()}
        if item.timeout is not None:
            entry["timeoutMs"] = int(item.timeout * 1000)
        if item.workspace:
            entry["workspace"] = True
    else:
        entry = {"file": file, "definition": _items.definition(item)}  # type: ignore[arg-type]
    described[f"{kind}s"].append(entry)


def _declared_by(file: str) -> list[Declared]:
    module = file.removesuffix(".py")
    if module in sys.stdlib_module_names or module == "mcpgate":
        raise ValueError(f"{file} has the name of one of Python's own modules; rename it")
    importer.load(file)
    items = [item for item in declared if item.module == module]
    _items.check_completions(items)
    return items
