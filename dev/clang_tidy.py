"""Runs clang-tidy of build/venv over the compile database, several files at once, and remembers what was clean.

A file's verdict depends on .clang-tidy, its compile command, itself, what it includes of ours,
clang-tidy and the installed packages. The key of the cache is a hash of just that, so that a second run takes a
second and no stale verdict survives. Only clean verdicts are kept.

Tests are spared some checks. The path-sensitive analyzer takes two thirds of the time in
GoogleTest's macros and finds nothing. An optional that is empty ends the test, as it should. A
fixture with a destructor need not forbid its copies: GoogleTest's base class does. A handler that
captures lives in the test, which outlives its coroutines. A constant that cannot be made ends the
test too, and a random case that cannot be had again is worth little. No test is read for its speed.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tidy import Tree

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CACHE = BUILD / "clang-tidy"
# Not Debian's: since version 22 system headers are spared, which halves the time.
CLANG_TIDY = BUILD / "venv" / "bin" / "clang-tidy"
FILE_SECONDS_MAX = 600
SPARED_TESTS = ["clang-analyzer-*", "bugprone-unchecked-optional-access",
                "cppcoreguidelines-special-member-functions",
                "bugprone-throwing-static-initialization", "bugprone-random-generator-seed",
                "cppcoreguidelines-avoid-capturing-lambda-coroutines", "performance-*"]


def closure(tree: Tree, path: str) -> list[str]:
    """A source file and all that it includes of ours, directly or not."""
    found, waiting = {path}, [path]
    while waiting:
        for _, included in tree.includes(waiting.pop()):
            header = f"src/{included}"
            if header not in found and header in tree.paths:
                found.add(header)
                waiting.append(header)
    return sorted(found)


def system_digest() -> bytes:
    """Changes with clang-tidy, and with any package that is installed, upgraded or removed."""
    digest = hashlib.sha256(subprocess.check_output([CLANG_TIDY, "--version"]))
    packages = Path("/var/lib/dpkg/status")
    if packages.exists():
        digest.update(packages.read_bytes())
    return digest.digest()


def options(path: str) -> list[str]:
    is_test = path.endswith("_test.cc") or path.startswith("tests/")
    return ["--checks=" + ",".join(f"-{check}" for check in SPARED_TESTS)] if is_test else []


def cache_key(tree: Tree, path: str, command: str, system: bytes) -> str:
    digest = hashlib.sha256(system)
    # Not by where the tree lies: two clones share verdicts.
    command = command.replace(str(ROOT), ".")
    for part in [(ROOT / ".clang-tidy").read_text(), command, *options(path)]:
        digest.update(part.encode() + b"\0")
    for name in closure(tree, path):
        digest.update(name.encode() + b"\0" + tree.text(name).encode() + b"\0")
    return digest.hexdigest()


def lint(path: str) -> tuple[bool, str, float]:
    """Is the file clean; what clang-tidy said; how long it took."""
    started = time.monotonic()
    try:
        done = subprocess.run([CLANG_TIDY, "--quiet", "-p", str(CACHE), *options(path), path],
                              cwd=ROOT, capture_output=True, text=True, timeout=FILE_SECONDS_MAX)
        clean, output = done.returncode == 0, done.stdout or done.stderr
    except subprocess.TimeoutExpired:
        clean, output = False, f"{path}: clang-tidy ran over {FILE_SECONDS_MAX} s"
    return clean, output, time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(description="Lints what has changed since it was clean.")
    parser.add_argument("files", nargs="*", metavar="FILE",
                        help="of the compile database, by their paths from the root [all]")
    wanted = parser.parse_args().files
    tree = Tree(ROOT)
    system = system_digest()
    CACHE.mkdir(parents=True, exist_ok=True)
    entries = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = os.path.relpath(Path(entry["directory"], entry["file"]), ROOT)
        if path in tree.paths:
            entries.setdefault(path, entry)
    if unknown := [path for path in wanted if path not in entries]:
        parser.error(f"not in the compile database: {' '.join(unknown)}")
    # Of a file that several targets compile, clang-tidy would look at each compilation.
    (CACHE / "compile_commands.json").write_text(json.dumps(list(entries.values())))
    keys = {path: cache_key(tree, path, entry["command"], system)
            for path, entry in entries.items() if not wanted or path in wanted}
    changed = [path for path, key in keys.items() if not (CACHE / key).exists()]
    print(f"clang-tidy: {len(keys)} files, {len(keys) - len(changed)} unchanged", flush=True)

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(lint, path): path for path in changed}
        for number, run in enumerate(as_completed(runs), start=1):
            path = runs[run]
            clean, output, seconds = run.result()
            verdict = "clean" if clean else "FAILED"
            print(f"clang-tidy: {number}/{len(changed)} {path} {verdict} {seconds:.0f} s", flush=True)
            if clean:
                (CACHE / keys[path]).touch()
            else:
                failed += 1
                print(output, flush=True)
    if not keys:
        print("clang-tidy: no file in the compile database")
    return 1 if failed or not keys else 0


if __name__ == "__main__":
    sys.exit(main())
