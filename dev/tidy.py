"""The rules of the tree that no compiler and no linter knows. Each finding is one line:

    path:line: what is wrong

Run it without arguments at any time; `make check` does. dev/tidy_test.py plants each violation.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# cli → {gateway sandboxd} → {auth policy audit sandbox} → mcp → {http json} → base.
LAYERS = [{"cli"}, {"gateway", "sandboxd"}, {"auth", "policy", "audit", "sandbox"}, {"mcp"},
          {"http", "json"}, {"base"}]
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}

COLUMNS_MAX = 100
# What looks like a path in prose and is none: methods of MCP, and a tool set that the reader makes.
NO_PATH = re.compile(r"tools/(?:list|call)|tools/my-set(?:/.*)?")
INCLUDE = re.compile(r'^#include "([^"]+)"')


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Tree:
    """The files of a checkout that git knows or would add; texts are read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
            check=True, capture_output=True).stdout.decode()
        self.paths = sorted(path for path in set(listed.split("\0"))
                            if path and (root / path).is_file())

    @cache  # noqa: B019 - one tree lives as long as the program
    def text(self, path: str) -> str:
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return ""  # not text: a fuzz input, a picture

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        return enumerate(self.text(path).splitlines(), start=1)

    def select(self, pattern: str) -> list[str]:
        """The paths that match a regular expression as a whole."""
        return [path for path in self.paths if re.fullmatch(pattern, path)]

    def includes(self, path: str) -> list[tuple[int, str]]:
        """What a source file includes of ours: line, and path below src/."""
        found = ((number, INCLUDE.match(line)) for number, line in self.lines(path))
        return [(number, match.group(1)) for number, match in found if match]


def check_layers(tree: Tree) -> Iterator[Finding]:
    """Includes point right only, and folders of one layer never include each other."""
    for path in tree.select(r"src/.*\.(h|cc)"):
        folder = path.split("/")[1]
        if folder not in RANK:
            yield Finding(path, 1, f"src/{folder} has no layer; give it one in dev/tidy.py")
            continue
        for line, included in tree.includes(path):
            target = included.split("/")[0]
            if target == folder:
                continue
            if target not in RANK or f"src/{included}" not in tree.paths:
                yield Finding(path, line, f'"{included}" is no file below src/')
            elif RANK[target] <= RANK[folder]:
                yield Finding(path, line, f"layer rule: {folder} must not include {target}")


def check_include_cycles(tree: Tree) -> Iterator[Finding]:
    """No header reaches itself."""
    headers = set(tree.select(r"src/.*\.h"))
    done: set[str] = set()

    def visit(path: str, trail: list[str]) -> Iterator[Finding]:
        if path in trail:
            cycle = [*trail[trail.index(path):], path]
            yield Finding(path, 1, "include cycle: " + " → ".join(cycle))
            return
        if path in done:
            return
        for _, included in tree.includes(path):
            if f"src/{included}" in headers:
                yield from visit(f"src/{included}", [*trail, path])
        done.add(path)

    for header in sorted(headers):
        yield from visit(header, [])


def check_headers(tree: Tree) -> Iterator[Finding]:
    """`#pragma once` first, and a comment above each public type."""
    definition = re.compile(r"^(?:class|struct|union|enum(?: class)?) (?:\[\[\w+\]\] )?(\w+)")
    for path in tree.select(r"src/.*\.h"):
        previous = ""
        if not tree.text(path).startswith("#pragma once\n"):
            yield Finding(path, 1, "a header starts with #pragma once")
        for number, line in tree.lines(path):
            match = definition.match(line)
            one_line = line.rstrip().endswith(";")  # a forward declaration, or `struct Ping {};`
            if match and not one_line and not previous.startswith("//"):
                yield Finding(path, number, f"{match.group(1)} has no comment above it")
            if not line.startswith(("template", "requires")):
                previous = line


def check_leftovers(tree: Tree) -> Iterator[Finding]:
    """Nothing that was meant to be done before landing."""
    leftover = re.compile(r"\b(?:FIX" + r"ME|XX" + r"X)\b|^(?:<{7}|>{7}) ")
    for path in tree.paths:
        for number, line in tree.lines(path):
            if leftover.search(line):
                yield Finding(path, number, "left over: " + line.strip()[:60])


def check_machine_traces(tree: Tree) -> Iterator[Finding]:
    """Nothing that holds only on its author's machine: home folders, package mirrors."""
    home = re.compile(r"(?<![\w.}~])/(?:home/(?!nonroot)|Users/|wor[k]/)\w")
    mirror = re.compile(r"https?://(?:deb|files|index|mirror|proxy|pypi|registry|repo1?)\.\w")
    for path in tree.paths:
        for number, line in tree.lines(path):
            if home.search(line):
                yield Finding(path, number, "an absolute path of one machine")
            if mirror.search(line):
                yield Finding(path, number, "a package registry's address")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def check_links(tree: Tree) -> Iterator[Finding]:
    """Links of *.md lead somewhere, and paths in backticks exist."""
    link = re.compile(r"\]\(([^)\s]+)\)")
    quoted = re.compile(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)`")
    folders = {path.split("/")[0] for path in tree.paths if "/" in path}
    known = set(tree.paths) | {str(parent) for path in tree.paths for parent in Path(path).parents}

    def exists(path: Path) -> bool:
        return str(path).rstrip("/") in known

    for path in tree.select(r".*\.md"):
        text = tree.text(path)
        for number, line in tree.lines(path):
            for target in link.findall(line):
                name, _, anchor = target.partition("#")
                if re.match(r"[a-z]+:", target):
                    continue
                page = Path(path).parent / name if name else Path(path)
                page = (tree.root / page).resolve()
                relative = page.relative_to(tree.root.resolve()) if page.is_relative_to(
                    tree.root.resolve()) else page
                if not exists(relative):
                    yield Finding(path, number, f"link to {target}: no such file")
                elif anchor and anchor not in anchors(tree.text(str(relative)) if name else text):
                    yield Finding(path, number, f"link to {target}: no such heading")
            for target in quoted.findall(line):
                if "/" not in target or target.split("/")[0] not in folders:
                    continue
                if not (NO_PATH.fullmatch(target) or exists(Path(target))
                        or exists(Path(path).parent / target)):
                    yield Finding(path, number, f"`{target}` is no file of this tree")


def check_named_tests(tree: Tree) -> Iterator[Finding]:
    """Tests that *.md name, `PATH::TEST`, exist."""
    named = re.compile(r"`([A-Za-z0-9_./-]+\.(?:py|cc))::([A-Za-z0-9_.]+)`")
    for path in tree.select(r".*\.md"):
        for number, line in tree.lines(path):
            for file, test in named.findall(line):
                suite, _, name = test.rpartition(".")
                definition = rf"\b{suite}, {name}\)" if suite else rf"^def {name}\("
                found = file in tree.paths and re.search(definition, tree.text(file), re.MULTILINE)
                if not found:
                    yield Finding(path, number, f"{file} has no test {test}")


def third_parties(tree: Tree) -> Iterator[tuple[str, int, str]]:
    """Where a dependency is declared: path, line, its name."""
    declarations = [
        (r"(.*/)?CMakeLists\.txt", r"^find_package\((\w[\w-]*)"),
        (r"(.*/)?CMakeLists\.txt", r"^pkg_check_modules\(\w+ .*?([\w-]+)\)"),
        (r"dev/packages\.txt", r"^[a-z]+ +([a-z0-9][a-z0-9.+-]*)"),
        (r"tests/requirements\.in", r"^([A-Za-z][\w.-]*)"),
        (r"tests/clients/package\.json", r'^ +"((?:@[\w-]+/)?[\w-]+)": "(?:npm:\S+|[\d.^~]+)'),
    ]
    for paths, pattern in declarations:
        for path in tree.select(paths):
            for number, line in tree.lines(path):
                if match := re.match(pattern, line):
                    yield path, number, match.group(1)


def check_dependencies(tree: Tree) -> Iterator[Finding]:
    """Every third-party dependency is named, with its reason, in docs/dependencies.md."""
    page = tree.text("docs/dependencies.md") if "docs/dependencies.md" in tree.paths else ""
    named = set(re.findall(r"`([^`]+)`", page))
    for path, number, name in third_parties(tree):
        if name not in named:
            yield Finding(path, number, f"`{name}` is not in docs/dependencies.md")


def documented_names(tree: Tree) -> Iterator[tuple[str, int, str, str]]:
    """What users rely on by name: path, line, the name, the page it must be on."""
    sources = [
        # A flag of CLI11, and one of the command tables of src/cli/command.h.
        (r"src/cli/.*\.cc", r'_option\(\s*"(?:-\w,)?--([a-z-]+)', "--", "docs/reference/cli.md"),
        (r"src/cli/.*\.cc", r'\.name = "([a-z-]+)",\s*\.value =', "--", "docs/reference/cli.md"),
        (r"src/.*metrics.*\.cc", r'"(mcp(?:gate)?_\w+?)(?:_bucket|_sum|_count)?\b', "",
         "docs/reference/metrics.md"),
    ]
    for paths, pattern, prefix, page in sources:
        for path in tree.select(paths):
            if path.endswith("_test.cc"):
                continue
            text = tree.text(path)
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start(1)) + 1
                yield path, line, prefix + match.group(1), page


def check_reference(tree: Tree) -> Iterator[Finding]:
    """Every flag and metric of the code stands in docs/reference."""
    for path, number, name, page in documented_names(tree):
        text = tree.text(page) if page in tree.paths else ""
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
            yield Finding(path, number, f"{name} is not in {page}")


def hint_columns(tree: Tree) -> Iterator[Finding]:
    """Lines that do not fit two side by side. A hint: a table or a literal may be longer."""
    for path in tree.select(r"(src|tests|dev|harness|tools|scripts)/.*\.(h|cc|py|sh)"):
        for number, line in tree.lines(path):
            if len(line) > COLUMNS_MAX:
                yield Finding(path, number, f"{len(line)} columns")


CHECKS = [check_layers, check_include_cycles, check_headers, check_leftovers, check_machine_traces,
          check_links, check_named_tests, check_dependencies, check_reference]


def main() -> int:
    tree = Tree(Path(__file__).resolve().parent.parent)
    for hint in hint_columns(tree):
        print(f"hint: {hint}")
    findings = [finding for check in CHECKS for finding in check(tree)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
