"""Installs a tool set's packages into a folder of their own: `mcpgate-sandbox prepare` runs it.

    python3 -I _packages.py REQUIREMENTS FOLDER [WHEELS]

Only wheels, so that nothing of a package is executed here, and only files whose hash is in
REQUIREMENTS. FOLDER appears whole or not at all. What goes wrong is said on stderr; exit status 1.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

#: What pip says, and what it means here.
_EXPLANATIONS = (
    (
        "Hashes are required",
        "a requirement has no hash; write them all, those of dependencies too, as "
        "`name==version --hash=sha256:…` (pip-compile --generate-hashes does)",
    ),
    (
        "DO NOT MATCH THE HASHES",
        "a file is not the one whose hash is written down: it was changed, or the hash is of "
        "another platform's file",
    ),
    (
        "must have their versions pinned",
        "a requirement has no exact version; write `name==version`",
    ),
    (
        "No matching distribution",
        "the package index has no such wheel for this Python, or cannot be reached; --wheels DIR "
        "installs from a folder instead",
    ),
)
#: These would bring in what the digest of requirements.txt does not cover.
_NOT_ALONE = re.compile(r"^\s*(-r|-c|-e|--requirement|--constraint|--editable)\b", re.MULTILINE)


def main(arguments: list[str]) -> int:
    requirements, folder = Path(arguments[0]), Path(arguments[1])
    wheels = arguments[2] if len(arguments) > 2 else ""
    os.umask(0o022)
    _say(f"installing {requirements} …")
    text = requirements.read_text(encoding="utf-8", errors="replace")
    if match := _NOT_ALONE.search(text):
        return _fail(f"{requirements}: {match[1]} is not possible: the file has to stand alone")
    # Beside its place, so that the last step is one rename.
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        problem = _install(requirements, draft, wheels)
        if problem:
            return _fail(f"{requirements}: {problem}")
        packages = draft / "packages"
        packages.mkdir(exist_ok=True)  # of requirements that ask for nothing
        try:
            packages.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    except OSError as error:
        return _fail(f"{folder}: {error.strerror or error}")
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _say(f"installed in {folder}")
    return 0


def _install(requirements: Path, draft: Path, wheels: str) -> str:
    """Empty, or what went wrong. pip itself comes with Debian's python3-venv."""
    tools = draft / "tools"
    made = _run([sys.executable, "-I", "-m", "venv", str(tools)])
    if made.returncode != 0:
        return "no virtual environment can be made: install the package python3-venv"
    command = [str(tools / "bin/python"), "-I", "-m", "pip", "install", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-warn-script-location", "--disable-pip-version-check"]
    command += ["--no-cache-dir", "--retries=1", "--timeout=15", "--progress-bar=off"]
    if wheels:
        command += ["--no-index", f"--find-links={Path(wheels).absolute()}"]
    command += [f"--target={draft / 'packages'}", f"--requirement={requirements.absolute()}"]
    done = _run(command)
    if done.returncode == 0:
        return ""
    sys.stderr.write(done.stdout)
    for mark, explanation in _EXPLANATIONS:
        if mark in done.stdout:
            return explanation
    return f"pip ended with {done.returncode}"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _say(text: str) -> None:
    print(f"mcpgate-sandbox: {text}", file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _say(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
