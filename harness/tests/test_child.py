"""What a child does before its call."""

import contextlib
import io
import sys
import tempfile
import unittest

from mcpgate import _child, _declared
from mcpgate._sources import SourceImporter

SET = {
    "t.py": b"from mcpgate import tool\n@tool\ndef f() -> str:\n    return 'x'\n",
    "broken.py": b"raise ValueError('not today')\n",
    "exits.py": b"raise SystemExit(3)\n",
}


class Preparing(unittest.TestCase):
    def setUp(self) -> None:
        importer = SourceImporter("/nowhere")
        for name, source in SET.items():
            importer.add(name, source)
        before = (_child.importer, _child._prepared, tempfile.tempdir)
        self.addCleanup(lambda: self.restore(*before))
        _child.importer = importer

    def restore(self, importer: SourceImporter, prepared: object, tmp: str | None) -> None:
        _child.importer, _child._prepared, tempfile.tempdir = importer, prepared, tmp  # type: ignore[assignment]
        _declared.declared.clear()
        for name in SET:
            sys.modules.pop(name.removesuffix(".py"), None)

    def test_the_call_finds_what_was_loaded(self) -> None:
        _child.prepare("t.py", "f", "/tmp/of-the-call")
        self.assertEqual(tempfile.gettempdir(), "/tmp/of-the-call")
        self.assertIs(_child._find("t.py", "f"), _child._prepared)

    def failure_of(self, file: str, prepared: bool) -> tuple[str, ...]:
        printed = io.StringIO()
        with contextlib.redirect_stderr(printed):
            if prepared:
                _child.prepare(file, "f", "/tmp")
                self.assertEqual(printed.getvalue(), "", "told by the call, not before")
            with self.assertRaises(_child._Stopped) as caught:
                _child._find(file, "f")
        self.restore(_child.importer, None, None)
        return caught.exception.args

    def test_a_failure_is_told_as_if_it_had_happened_in_the_call(self) -> None:
        for file, said in (("broken.py", "not today"), ("exits.py", "sys.exit(3)")):
            with self.subTest(file):
                told = self.failure_of(file, prepared=True)
                self.assertIn(said, told[1])
                self.assertEqual(told, self.failure_of(file, prepared=False))

    def test_a_tool_that_is_gone_is_told_by_the_call(self) -> None:
        _child.prepare("t.py", "g", "/tmp")
        with self.assertRaises(_child._Stopped) as caught:
            _child._find("t.py", "g")
        self.assertEqual(caught.exception.args, ("crashed", "t.py declares no tool g"))


if __name__ == "__main__":
    unittest.main()
