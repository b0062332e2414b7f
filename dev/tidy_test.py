"""Plants each violation that dev/tidy.py knows in a small tree, and sees it found; and sees the
lawful form of the same thing pass."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import tidy

HEADER = "#pragma once\n"


@pytest.fixture
def plant(tmp_path):
    """Writes files into an empty checkout; returns what one check says of it, as strings."""
    def run(check, files: dict[str, str]) -> list[str]:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [str(finding) for finding in check(tidy.Tree(tmp_path))]
    return run


def test_an_include_that_points_right_is_lawful(plant):
    assert plant(tidy.check_layers, {
        "src/base/error.h": HEADER,
        "src/mcp/message.cc": '#include "base/error.h"\n',
        "src/mcp/message.h": HEADER}) == []


def test_an_include_that_points_left_is_found(plant):
    assert plant(tidy.check_layers, {
        "src/mcp/message.h": HEADER,
        "src/base/error.cc": '\n#include "mcp/message.h"\n',
    }) == ["src/base/error.cc:2: layer rule: base must not include mcp"]


def test_an_include_of_a_peer_is_found(plant):
    assert plant(tidy.check_layers, {
        "src/auth/key.h": HEADER,
        "src/policy/policy.h": '#include "auth/key.h"\n',
    }) == ["src/policy/policy.h:1: layer rule: policy must not include auth"]


def test_an_include_of_nothing_and_a_folder_without_layer_are_found(plant):
    assert plant(tidy.check_layers, {
        "src/util/x.cc": "",
        "src/http/a.cc": '#include "json/gone.h"\n',
    }) == ['src/http/a.cc:1: "json/gone.h" is no file below src/',
           "src/util/x.cc:1: src/util has no layer; give it one in dev/tidy.py"]


def test_an_include_cycle_is_found(plant):
    assert plant(tidy.check_include_cycles, {
        "src/base/a.h": '#include "base/b.h"\n',
        "src/base/b.h": '#include "base/c.h"\n',
        "src/base/c.h": '#include "base/b.h"\n',
    }) == ["src/base/b.h:1: include cycle: src/base/b.h → src/base/c.h → src/base/b.h"]


def test_a_header_with_guard_and_comments_is_lawful(plant):
    assert plant(tidy.check_headers, {"src/base/a.h": HEADER + (
        "struct Later;\n/// One.\nstruct One {\n};\n/// Two.\ntemplate <class T>\nclass Two {\n};\n"
        "struct Empty {};\n")}) == []


def test_a_header_without_guard_or_comment_is_found(plant):
    assert plant(tidy.check_headers, {
        "src/base/a.h": "struct A {\n};\n",
        "src/base/b.h": HEADER + "\nenum class B {\n};\n",
    }) == ["src/base/a.h:1: a header starts with #pragma once",
           "src/base/a.h:1: A has no comment above it",
           "src/base/b.h:3: B has no comment above it"]


@pytest.mark.parametrize("line", ["// FIX" + "ME: later", "<" * 7 + " HEAD", "# XX" + "X"])
def test_a_leftover_is_found(plant, line):
    assert len(plant(tidy.check_leftovers, {"a.py": f"ok\n{line}\n"})) == 1


@pytest.mark.parametrize("line", ["/" + "home/alice/x", "see /" + "Users/bob/y",
                                  "https://" + "registry.example.org/a"])
def test_a_trace_of_one_machine_is_found(plant, line):
    assert len(plant(tidy.check_machine_traces, {"a.txt": line + "\n"})) == 1


def test_ordinary_paths_and_addresses_are_no_trace(plant):
    assert plant(tidy.check_machine_traces, {
        "a.txt": "/var/log ~/work ${HOME}/x https://example.com/a https://mcp.example.com/\n"}) == []


def test_links_that_lead_somewhere_are_lawful(plant):
    assert plant(tidy.check_links, {
        "docs/a.md": "# A page: of `words`\n[b](b.md#the-end) [up](../src/) [me](#a-page-of-words) "
                     "[web](https://example.com) `src/x.cc` `docs/` `b.md` `GET /mcp` "
                     "`tools/call` `tools/my-set/x.py`\n",
        "tools/x.py": "",
        "docs/b.md": "## The end\n",
        "src/x.cc": ""}) == []


@pytest.mark.parametrize(("line", "message"), [
    ("[b](gone.md)", "link to gone.md: no such file"),
    ("[b](b.md#gone)", "link to b.md#gone: no such heading"),
    ("[b](#gone)", "link to #gone: no such heading"),
    ("`docs/gone.md`", "`docs/gone.md` is no file of this tree"),
])
def test_a_link_to_nowhere_is_found(plant, line, message):
    found = plant(tidy.check_links, {"docs/a.md": f"# A\n{line}\n", "docs/b.md": "# B\n"})
    assert found == [f"docs/a.md:2: {message}"]


def test_a_test_that_does_not_exist_is_found(plant):
    files = {"src/a_test.cc": "TEST(Suite, Name) {}\n", "tests/test_a.py": "def test_name():\n"}
    good = "`src/a_test.cc::Suite.Name` `tests/test_a.py::test_name` `a::b`\n".replace("`a::b`", "")
    assert plant(tidy.check_named_tests, files | {"a.md": good}) == []
    bad = "`src/a_test.cc::Suite.Other`\n`tests/test_a.py::test_nam`\n`gone.py::test_name`\n"
    assert plant(tidy.check_named_tests, files | {"a.md": bad}) == [
        "a.md:1: src/a_test.cc has no test Suite.Other",
        "a.md:2: tests/test_a.py has no test test_nam",
        "a.md:3: gone.py has no test test_name",
    ]


@pytest.mark.parametrize(("path", "text", "name"), [
    ("CMakeLists.txt", "find_package(Left 1.2 REQUIRED)\n", "Left"),
    ("CMakeLists.txt", "pkg_check_modules(PAD REQUIRED IMPORTED_TARGET libpad)\n", "libpad"),
    ("dev/packages.txt", "build  left-pad  # pads\n", "left-pad"),
    ("tests/requirements.in", "leftpad>=1\n", "leftpad"),
    ("tests/clients/package.json", ' {\n  "@left/pad": "1.2.3"\n}\n', "@left/pad"),
])
def test_a_dependency_without_a_reason_is_found(plant, path, text, name):
    reasons = {"docs/dependencies.md": f"| `{name}` | pads |\n"}
    found = plant(tidy.check_dependencies, {path: text})
    assert len(found) == 1 and f"`{name}` is not in docs/dependencies.md" in found[0]
    assert plant(tidy.check_dependencies, {path: text} | reasons) == []


def test_a_flag_or_a_metric_without_reference_is_found(plant):
    files = {
        "src/cli/a.cc": 'app.add_option("--tools", x);\napp.add_option(\n    "--port", x);\n',
        "src/cli/b.cc": 'Flag{.name = "user",\n .value = "U"};\nCommand{.name = "keys",\n .run = r};\n',
        "src/gateway/metrics.cc": 'add("mcp_wait_seconds_bucket{}");\nadd("mcp_calls_total");\n',
        "docs/reference/cli.md": "`--tools DIR` `--port-range`\n",
        "docs/reference/metrics.md": "`mcp_wait_seconds`\n",
    }
    assert plant(tidy.check_reference, files) == [
        "src/cli/a.cc:3: --port is not in docs/reference/cli.md",
        "src/cli/b.cc:1: --user is not in docs/reference/cli.md",
        "src/gateway/metrics.cc:2: mcp_calls_total is not in docs/reference/metrics.md"]


def test_a_long_line_is_a_hint(plant):
    assert plant(tidy.hint_columns, {"src/base/a.cc": "x" * 101 + "\n" + "x" * 100 + "\n"}) == [
        "src/base/a.cc:1: 101 columns"]
