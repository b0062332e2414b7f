"""What the tests of tools/log-analysis share: the modules' paths, a context, a folder of logs."""

import gzip
import os
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
for folder in (ROOT / "harness", ROOT / "tools" / "log-analysis", ROOT / "dev"):
    sys.path.insert(0, str(folder))

import log_store  # noqa: E402

# 2026-11-20T12:00:00Z, the last change of every file that a test writes unless it says otherwise.
CHANGED = 1795176000.0


class Context:
    """As much of mcpgate.Context as the tools use."""

    def __init__(self, mounts: dict, time_left: float = 30.0):
        self.mounts = mounts
        self.time_left = time_left
        self.reports: list[tuple] = []

    def progress(self, progress, total=None, message=None) -> None:
        self.reports.append((progress, total, message))


class LogFolder(unittest.TestCase):
    """A test case with an empty data mount called `logs`."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.outside = Path(folder.name)
        self.root = self.outside / "mount"
        self.root.mkdir()

    def write(self, name: str, data: bytes | str, changed: float = CHANGED) -> Path:
        """A file; gzipped where its name ends so and the data is not."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = data.encode() if isinstance(data, str) else data
        if name.endswith(".gz") and not data.startswith(b"\x1f\x8b"):
            data = gzip.compress(data, mtime=0)
        path.write_bytes(data)
        os.utime(path, (changed, changed))
        return path

    def call(self, **arguments) -> dict:
        return log_store.log_store(Context({"logs": self.root}), **arguments)

    def texts(self, **arguments) -> list[str]:
        return [record["text"] for record in self.call(**arguments)["records"]]

    def pages(self, limit: int, **arguments) -> list[dict]:
        """The records of all pages, one page after the other."""
        records: list[dict] = []
        cursor = None
        for _ in range(10000):
            page = self.call(limit=limit, cursor=cursor, **arguments)
            assert len(page["records"]) <= limit
            records += page["records"]
            cursor = page["next_cursor"]
            if cursor is None:
                return records
        raise AssertionError("pages without end")
