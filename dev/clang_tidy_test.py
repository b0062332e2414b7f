"""A cached verdict holds exactly as long as nothing that it rests on has changed."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import clang_tidy
from tidy import Tree


@pytest.fixture
def key(tmp_path, monkeypatch):
    """Writes a small checkout and returns the key of src/base/a.cc in it."""
    monkeypatch.setattr(clang_tidy, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    files = {
        ".clang-tidy": "Checks: '*'\n",
        "src/base/a.cc": '#include "base/a.h"\n',
        "src/base/a.h": '#include "base/b.h"\n',
        "src/base/b.h": "int b;\n",
        "src/base/c.h": "int c;\n",
    }

    def run(changes: dict[str, str], command: str = "clang++", system: bytes = b"1") -> str:
        for name, text in (files | changes).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return clang_tidy.cache_key(Tree(tmp_path), "src/base/a.cc", command, system)
    return run


def test_the_key_stays_while_nothing_it_rests_on_changes(key):
    assert key({}) == key({}) == key({"src/base/c.h": "int other;\n"})


@pytest.mark.parametrize("changes", [{".clang-tidy": "Checks: '-*'\n"},
                                     {"src/base/a.cc": '#include "base/a.h"\nint a;\n'},
                                     {"src/base/b.h": "long b;\n"}])
def test_a_change_of_file_indirect_header_or_rules_is_a_new_key(key, changes):
    assert key({}) != key(changes)


def test_another_command_or_other_packages_are_a_new_key(key):
    assert key({}) != key({}, command="clang++ -DX")
    assert key({}) != key({}, system=b"2")
