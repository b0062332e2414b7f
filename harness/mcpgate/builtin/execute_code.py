"""The tool `execute_code`: Python that a model wrote. A file of the set like its others, put there
where toolset.yaml says `codeMode: true`; what runs it is the child of every call."""

import contextlib
import io
import linecache
import sys
import traceback
from typing import Annotated, TypedDict

from mcpgate import Context, Field, _child, tool

_FILE = "<code>"
#: Characters of stdout that are kept, and of an error: a model reads no more with profit.
_STDOUT_MAX = 256 * 1024
_ERROR_MAX = 16 * 1024


class Execution(TypedDict):
    stdout: Annotated[str, Field(description="What the code printed")]
    error: Annotated[str | None, Field(description="The traceback of what it raised, or null")]


class _Printed(io.StringIO):
    """Refuses to grow beyond _STDOUT_MAX."""

    def write(self, text: str) -> int:
        if self.tell() + len(text) > _STDOUT_MAX:
            raise OSError(f"the code printed more than {_STDOUT_MAX} characters")
        return super().write(text)


def _describe(error: BaseException) -> str:
    """The traceback from the code's own first line on."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != _FILE:
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return text if len(text) <= _ERROR_MAX else "…" + text[-_ERROR_MAX:]


@tool(title="Run Python code", read_only=False, destructive=False, open_world=False)
def execute_code(
    code: Annotated[str, Field(description="A Python 3.11 program", max_length=256 * 1024)],
    ctx: Context,
) -> Execution:
    """Runs Python in a fresh process that is gone afterwards, and gives back what it prints.

    There is the standard library, and a current directory for temporary files; no network, no other
    process, no file of anybody. `mounts` maps names to the folders of data that it may read. Print
    what you want to see.
    """
    _child.importer.keep_only(ctx.importable)
    linecache.cache[_FILE] = (len(code), None, code.splitlines(keepends=True), _FILE)
    printed, error = _Printed(), None
    namespace = {"__name__": "__main__", "__builtins__": __builtins__, "mounts": ctx.mounts}
    main = type(sys)("__main__")
    main.__dict__.update(namespace)
    sys.modules["__main__"] = main
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, _FILE, "exec", dont_inherit=True), main.__dict__)
        except MemoryError:
            raise
        except SystemExit as end:
            error = None if end.code in (None, 0) else _describe(end)
        except BaseException as raised:
            error = _describe(raised)
    return {"stdout": printed.getvalue(), "error": error}
