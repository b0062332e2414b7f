"""What the zygote does before it forks: imports what nearly every tool needs, compiles the set.

Nothing of a tool set is executed here.
"""

from __future__ import annotations

import gc
import importlib
import sys
import tempfile  # noqa: F401
import time
import warnings

# Imported once, so that no call pays for it.
import base64  # noqa: F401
import collections  # noqa: F401
import csv  # noqa: F401
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import enum  # noqa: F401
import fnmatch  # noqa: F401
import functools  # noqa: F401
import gzip  # noqa: F401
import hashlib  # noqa: F401
import heapq  # noqa: F401
import inspect  # noqa: F401
import io  # noqa: F401
import ipaddress  # noqa: F401
import itertools  # noqa: F401
import json  # noqa: F401
import math  # noqa: F401
import operator  # noqa: F401
import os
import pathlib  # noqa: F401
import random  # noqa: F401
import re  # noqa: F401
import statistics  # noqa: F401
import string  # noqa: F401
import textwrap  # noqa: F401
import threading  # noqa: F401
import traceback  # noqa: F401
import typing  # noqa: F401
import urllib.parse  # noqa: F401
import uuid  # noqa: F401
import zoneinfo  # noqa: F401

import mcpgate

from . import _child
from ._sources import SourceImporter

__all__ = ["load", "preload", "serve_rehearsal", "warm_up"]


def load(tool_set: str, packages: str, sources: dict[str, bytes]) -> None:
    """Makes the interpreter ready to be forked: after it, every child can import the set."""
    assert mcpgate.tool is not None
    warnings.simplefilter("ignore")  # a set's SyntaxWarnings are for its authors, not for us
    importer = SourceImporter(tool_set)
    for path, source in sorted(sources.items()):
        importer.add(path, source)
    sys.meta_path.insert(0, importer)  # type: ignore[arg-type]
    warnings.resetwarnings()
    _child.importer = importer
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            line_buffering=True, errors="backslashreplace"
        )
    _rehearsal.add("rehearsal.py", _REHEARSAL)
    _rehearsal.add("rehearsed.py", _REHEARSED)
    for _ in range(_REHEARSALS):
        warm_up()
    if packages:
        # Last, so that nothing of theirs is imported here, and before Debian's: the pinned one counts.
        sys.path.insert(_first_of_debian(), packages)
    gc.collect()
    gc.freeze()


#: What numeric libraries ask when they are loaded. Each call has a core or less, and a thread that
#: one of them started here would be missing in every child.
_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def preload(modules: list[str]) -> None:
    """Imports modules for all children, none of the set's own. Raises RuntimeError naming the module
    that cannot be."""
    if not modules:
        return
    importer = _child.importer
    sys.meta_path.remove(importer)  # type: ignore[arg-type]
    os.environ.update(dict.fromkeys(_THREAD_COUNTS, "1"))
    for name in modules:
        if importer.owns(name.partition(".")[0]):
            raise RuntimeError(
                f"preload: {name} is a module of the set's own, of which nothing runs before a call"
            )
        try:
            importlib.import_module(name)
        except BaseException as error:
            raise RuntimeError(f"preload: {name}: {type(error).__name__}: {error}") from None
        if not _is_single_threaded():
            raise RuntimeError(
                f"preload: {name} leaves threads running, which no child would have"
            )
    for name in list(sys.modules):
        if importer.owns(name):
            raise RuntimeError(f"preload: a package has a module {name}; rename the set's own")
    if "numpy.random" in sys.modules:
        os.register_at_fork(after_in_child=_reseed_numpy)  # as `random` does by itself
    sys.meta_path.insert(0, importer)  # type: ignore[arg-type]
    gc.collect()
    gc.freeze()


def _is_single_threaded() -> bool:
    """Waits for threads that are ending: the kernel counts one for a moment after it was joined."""
    for _ in range(200):
        if len(os.listdir("/proc/self/task")) == 1:
            return True
        time.sleep(0.01)
    return False


def _reseed_numpy() -> None:
    try:
        sys.modules["numpy.random"].seed()
    except BaseException:
        os._exit(1)  # rather no call than one whose numbers another call had


def _first_of_debian() -> int:
    found = [n for n, path in enumerate(sys.path) if path.endswith("/dist-packages")]
    return found[0] if found else len(sys.path)


#: Plain types and a typed result, a module of the set's own, a regular expression: as most tools
#: have them.
_REHEARSAL = b"""
import json
from rehearsed import WORD
from mcpgate import tool

@tool
def plain(text: str, count: int = 3) -> str:
    return WORD.sub("x", text) * count

@tool(read_only=True)
def typed(text: str, limits: list[int] = []) -> dict[str, int]:
    return {text: len(limits)}
"""
_REHEARSED = rb"""
import re

WORD = re.compile(r"\b[a-z]\w{0,20}(?:[-.][a-z]+|\d)*\b")
"""
_rehearsal = SourceImporter("/")
#: The interpreter specializes a function after 8 calls, its caches settle somewhat later.
_REHEARSALS = 32


def warm_up() -> int:
    """Also in a child that waits for its call: the pages which every call writes to are its own
    then, and in the processor's caches."""
    _child.rehearse(_rehearsal, "plain", json.loads('{"text": "ab 1", "count": 2}'))
    _child.rehearse(_rehearsal, "typed", json.loads('{"text": "a", "limits": [1, 2.0]}'))
    re.purge()
    return 0


def serve_rehearsal() -> int:
    """Serves a call of our own, in a child that ends with it."""
    _child.importer = _rehearsal
    sys.meta_path.insert(0, _rehearsal)  # type: ignore[arg-type]
    return _child.serve()
