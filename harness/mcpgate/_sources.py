"""The tool set's own modules, imported from memory: what was hashed is what runs."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from types import CodeType, ModuleType
from typing import Any, Sequence


#: The daemon adds it where the set's `codeMode` is on.
BUILT_IN = "execute_code.py"


class SourceImporter:
    """Finder and loader of the set's Python files, compiled and not executed when they are added.

    A file that does not compile raises its SyntaxError when it is imported.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        #: module name → (path, code or the error of compiling, source)
        self._modules: dict[str, tuple[str, CodeType | Exception, bytes]] = {}
        self._packages: set[str] = set()
        self.files: list[str] = []

    def add(self, path: str, source: bytes) -> None:
        """Takes one file; `path` is relative to the set's folder."""
        parts = path.removesuffix(".py").split("/")
        if parts[-1] == "__init__":
            parts.pop()
            self._packages.add(".".join(parts))
        for length in range(1, len(parts)):
            self._packages.add(".".join(parts[:length]))
        name = ".".join(parts)
        full = os.path.join(self._root, path)
        try:
            code: CodeType | Exception = compile(source, full, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            code = error.with_traceback(None)
        self._modules[name] = (full, code, source)
        self.files.append(path)

    def tool_files(self) -> list[str]:
        """Those that may declare tools, by name, built-in ones last: of the top level, not starting
        with `_`."""
        files = (file for file in self.files if "/" not in file and file[0] not in "_.")
        return sorted(files, key=lambda file: (file == BUILT_IN, file))

    def owns(self, name: str) -> bool:
        """Whether a module of that name would come from here."""
        return self.find_spec(name) is not None

    def keep_only(self, modules: Sequence[str]) -> None:
        """Forgets all modules but these and what is inside them; those that are loaded stay."""
        kept = frozenset(modules)
        self._modules = {
            name: entry for name, entry in self._modules.items() if name.partition(".")[0] in kept
        }
        self._packages = {name for name in self._packages if name.partition(".")[0] in kept}

    def load(self, file: str) -> ModuleType:
        """Executes a file of the top level, in this process for the first time. The same as
        importing it, with less of the import system's machinery."""
        name = file.removesuffix(".py")
        if name in sys.modules:
            return sys.modules[name]
        spec = self.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"there is no {file}")
        module = ModuleType(name)
        module.__spec__, module.__loader__ = spec, self  # type: ignore[assignment]
        module.__file__, module.__package__ = spec.origin, ""
        sys.modules[name] = module
        self.exec_module(module)
        return module

    # The import system's protocol.

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._modules and name not in self._packages:
            return None
        if name.partition(".")[0] in sys.stdlib_module_names:
            return None  # theirs; describing the set says so
        spec = importlib.machinery.ModuleSpec(
            name,
            self,  # type: ignore[arg-type]
            origin=self.get_filename(name),
            is_package=name in self._packages,
        )
        spec.has_location = name in self._modules
        return spec

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        entry = self._modules.get(module.__name__)
        if entry is None:  # a folder without __init__.py
            return
        code = entry[1]
        if isinstance(code, Exception):
            raise code
        exec(code, module.__dict__)

    def get_filename(self, name: str) -> str | None:
        entry = self._modules.get(name)
        return entry[0] if entry else None

    def get_source(self, name: str) -> str | None:
        """For the lines of tracebacks."""
        entry = self._modules.get(name)
        return entry[2].decode("utf-8", "replace") if entry else None
