"""What `make check` runs: every check to its end, then one line that counts them."""

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tidy import Tree

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str) -> bool:
    """Runs a command, its output as it comes."""
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0


def shell_scripts(tree: Tree) -> list[str]:
    """Every file that starts as a shell script, whatever its name."""
    first_lines = ((path, tree.text(path).partition("\n")[0]) for path in tree.paths)
    return [path for path, line in first_lines if line.startswith("#!") and line.endswith("sh")]


def check_python(tree: Tree) -> bool:
    """Every Python file compiles; nothing is written beside it."""
    clean = True
    for path in tree.select(r".*\.py"):
        try:
            compile(tree.text(path), path, "exec", dont_inherit=True)
        except SyntaxError as error:
            print(f"{path}:{error.lineno}: {error.msg}")
            clean = False
    return clean


def main() -> int:
    tree = Tree(ROOT)
    sources = tree.select(r"(src|tests)/.*\.(h|cc)")
    scripts = shell_scripts(tree)
    checks = {
        "format": lambda: run("clang-format-19", "--dry-run", "-Werror", *sources),
        "tidy": lambda: run(sys.executable, "dev/tidy.py"),
        "shell": lambda: run("shellcheck", "--severity=style", "--external-sources", *scripts),
        "python": lambda: check_python(tree),
        "clang-tidy": lambda: run(sys.executable, "dev/clang_tidy.py"),
    }
    failed = []
    for name, check in checks.items():
        print(f"== {name}", flush=True)
        started = time.monotonic()
        passed = check()
        print(f"{name}: {'ok' if passed else 'FAILED'}, {time.monotonic() - started:.1f} s", flush=True)
        failed += [] if passed else [name]
    for name in failed:
        print(f"FAILED   {name}")
    print(f"{len(checks) - len(failed)} passed, {len(failed)} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
