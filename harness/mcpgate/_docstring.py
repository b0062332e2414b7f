"""Descriptions from docstrings: of the tool, and of each parameter (Google's `Args:` or reST's
`:param name:`)."""

from __future__ import annotations

import inspect
import re

_ARGS = re.compile(r"^(Args|Arguments|Parameters):\s*$")
_GOOGLE = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_REST = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$")
_REST_OTHER = re.compile(r"^:(type|rtype)\b[^:]*:")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _add(descriptions: dict[str, list[str]], name: str | None, text: str) -> None:
    if name is not None and text:
        descriptions[name].append(text)


def _read_google(lines: list[str], start: int, descriptions: dict[str, list[str]]) -> int:
    """Reads the section after `Args:`; the index of the first line after it."""
    index = start
    level: int | None = None
    name: str | None = None
    while index < len(lines):
        line = lines[index]
        if not line.strip():
            index += 1
            continue
        indent = _indent(line)
        if indent == 0:
            break
        level = indent if level is None else level
        match = _GOOGLE.match(line.strip()) if indent <= level else None
        if match:
            name = match[1]
            descriptions[name] = []
        _add(descriptions, name, match[2] if match else line.strip())
        index += 1
    return index


def parse(docstring: str | None) -> tuple[str, dict[str, str]]:
    """The tool's description (all but the parameters), and a description per parameter."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    kept: list[str] = []
    descriptions: dict[str, list[str]] = {}
    index = 0
    while index < len(lines):
        line = lines[index]
        if _ARGS.match(line):
            index = _read_google(lines, index + 1, descriptions)
            continue
        match = _REST.match(line)
        index += 1
        if not match and not _REST_OTHER.match(line):
            kept.append(line)
            continue
        if match:
            descriptions[match[1]] = [match[2]] if match[2] else []
        while index < len(lines) and lines[index].strip() and _indent(lines[index]) > 0:
            _add(descriptions, match[1] if match else None, lines[index].strip())
            index += 1
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return text, {name: " ".join(parts) for name, parts in descriptions.items() if parts}
