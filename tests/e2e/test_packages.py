"""Python packages of a tool set: installed ahead of time from wheels that are pinned by hash, read
by the calls and by nobody written. The wheel is made here; nothing needs a network."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from support import BIN, ROOT
from support.gateway import run
from support.processes import wait_until

TOOL = '''
import os
from mcpgate import tool

@tool
def shout(text: str) -> str:
    """Uses the package."""
    import loud
    return loud.shout(text)

@tool
def spoil() -> dict:
    """Tries to change the package for the calls after it."""
    import loud
    answers = {}
    for name, flags in (("write", os.O_WRONLY), ("empty", os.O_WRONLY | os.O_TRUNC)):
        try:
            os.close(os.open(loud.__file__, flags))
            answers[name] = "done"
        except OSError as error:
            answers[name] = type(error).__name__
    try:
        open(os.path.dirname(loud.__file__) + "/more.py", "w").close()
        answers["add"] = "done"
    except OSError as error:
        answers["add"] = type(error).__name__
    return answers
'''


SHOUT = "def shout(text):\n    return text.upper() + '!'\n"


def make_wheel(folder: Path, version: str = "1.0", source: str = SHOUT) -> str:
    """A wheel as PEP 427 has it; its SHA-256."""
    files = {
        "loud/__init__.py": source,
        f"loud-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: loud\nVersion: {version}\n",
        f"loud-{version}.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = f"loud-{version}.dist-info/RECORD"
    lines = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(text)}")
    files[record] = "\n".join([*lines, f"{record},,", ""])
    path = folder / f"loud-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ToolSet:
    """A tool set that needs the package, and the folders around it."""

    def __init__(self, root: Path):
        self.root = root
        self.tools = root / "tools"
        self.folder = self.tools / "shouting"
        self.wheels = root / "wheels"
        self.packages = root / "packages"
        self.folder.mkdir(parents=True)
        self.wheels.mkdir()
        (self.folder / "shout.py").write_text(TOOL)
        (self.folder / "toolset.yaml").write_text("description: Shouts.\n")
        self.digest = make_wheel(self.wheels)
        self.require(f"loud==1.0 --hash=sha256:{self.digest}\n")

    def require(self, text: str):
        (self.folder / "requirements.txt").write_text(text)

    def sandbox(self, *words, **options):
        argv = [BIN / "mcpgate-sandbox", words[0], "--tools", self.folder]
        return run([*argv, "--packages", self.packages, *words[1:]], self.root, **options)

    def prepare(self, *words):
        return self.sandbox("prepare", "--wheels", self.wheels, *words)

    def call(self, tool: str, arguments: dict, *words):
        done = self.sandbox("run", *words, tool, json.dumps(arguments))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def tool_digest(self) -> str:
        done = self.sandbox("describe")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["tools"][0]["digest"]


@pytest.fixture
def shouting(tmp_path):
    return ToolSet(tmp_path)


def has_strict() -> bool:
    argv = [BIN / "mcpgate-sandbox", "doctor", "--profile", "strict"]
    return subprocess.run(argv, capture_output=True).returncode == 0


@pytest.mark.parametrize("profile", ["pod", "strict"])
def test_a_call_imports_what_was_prepared_and_cannot_change_it(shouting, profile):
    if profile == "strict" and not has_strict():
        pytest.skip("profile strict cannot be had here")
    done = shouting.prepare()
    assert done.returncode == 0, done.stderr
    assert "installing" in done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == shouting.packages and (folder / "loud/__init__.py").exists()
    answer = shouting.call("shout", {"text": "hello"}, "--profile", profile)
    assert answer["content"][0]["text"] == "HELLO!"
    spoilt = shouting.call("spoil", {}, "--profile", profile)["structuredContent"]
    assert set(spoilt.values()) <= {"PermissionError", "OSError"}, spoilt
    assert shouting.call("shout", {"text": "x"}, "--profile", profile)["content"][0]["text"] == "X!"


def test_preparing_again_does_nothing_and_another_requirement_is_another_tool(shouting):
    first = shouting.prepare()
    again = shouting.prepare()
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert "installing" not in again.stderr
    before = shouting.tool_digest()
    newer = make_wheel(shouting.wheels, "2.0", "def shout(text):\n    return text + '?'\n")
    shouting.require(f"loud==2.0 --hash=sha256:{newer}\n")
    refused = shouting.sandbox("run", "shout", '{"text":"a"}')
    assert refused.returncode == 1
    assert "mcpgate-sandbox prepare" in refused.stderr
    assert shouting.prepare().stdout != first.stdout
    assert shouting.call("shout", {"text": "a"})["content"][0]["text"] == "a?"
    assert shouting.tool_digest() != before


REFUSED = {
    "no hash": ("loud==1.0\n", "a requirement has no hash"),
    "another hash": ("loud==1.0 --hash=sha256:" + "0" * 64 + "\n", "is not the one whose hash"),
    "no version": ("loud --hash=sha256:{digest}\n", "no exact version"),
    "no such wheel": ("louder==9 --hash=sha256:{digest}\n", "has no such wheel"),
    "another file": ("-r more.txt\n", "-r is not possible"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_said_and_leaves_nothing(shouting, case):
    text, message = REFUSED[case]
    shouting.require(text.format(digest=shouting.digest))
    done = shouting.prepare()
    assert done.returncode == 1
    assert message in done.stderr, done.stderr
    assert done.stdout == "" and os.listdir(shouting.packages) == []


def test_without_a_network_it_says_so(shouting, monkeypatch):
    # Nobody listens there; pip's own setting, as an operator would write it.
    configuration = shouting.root / ".config/pip/pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("[global]\nindex-url = http://127.0.0.1:9/simple\n")
    monkeypatch.setenv("HOME", str(shouting.root))
    done = shouting.sandbox("prepare")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr, done.stderr
    assert os.listdir(shouting.packages) == []


def let_pip_find(wheels: Path, home: Path, monkeypatch) -> None:
    """As an operator without a network would."""
    configuration = home / ".config/pip/pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    monkeypatch.setenv("HOME", str(home))


def test_up_prepares_before_it_serves(shouting, start_gateway, monkeypatch):
    let_pip_find(shouting.wheels, shouting.root, monkeypatch)
    gateway = start_gateway(tools=shouting.tools)
    client = gateway.client("demo-token-12345")
    wait_until(lambda: "shout" in client.tool_names(), "the tool set is served")
    assert "installing" in gateway.log
    result = client.call("shout", {"text": "up"})
    assert result["content"][0]["text"] == "UP!"




# ---- Preloaded

DRAW = '''
import random
import sys

# Before this file imports anything of it.
FOUND = "numpy" in sys.modules

import numpy
from mcpgate import tool


@tool
def draw() -> dict:
    """Draws from every generator that a zygote could hand on."""
    return {
        "found": FOUND,
        "random": random.random(),
        "legacy": float(numpy.random.random_sample()),
        "new": float(numpy.random.default_rng().random()),
        "sum": float((numpy.ones((64, 64)) @ numpy.ones((64, 64))).sum()),
    }
'''
NUMPY_WHEELS = ROOT / "build" / "package-wheels"


def test_a_preloaded_numpy_is_there_and_each_call_draws_its_own(
    tmp_path, start_gateway, monkeypatch
):
    assert NUMPY_WHEELS.exists(), "no numpy: run dev/setup-python.sh"
    folder = tmp_path / "tools" / "numbers"
    folder.mkdir(parents=True)
    (folder / "draw.py").write_text(DRAW)
    (folder / "toolset.yaml").write_text("preload: [numpy, numpy.random]\n")
    shutil.copy(ROOT / "tests" / "packages" / "requirements.txt", folder)
    let_pip_find(NUMPY_WHEELS, tmp_path, monkeypatch)
    client = start_gateway(tools=tmp_path / "tools").client("demo-token-12345")
    wait_until(lambda: "draw" in client.tool_names(), "the tool set is served")
    drawn = [client.call("draw", {})["structuredContent"] for _ in range(5)]
    for one in drawn:
        assert (one["found"], one["sum"]) == (True, 64.0**3)
    for generator in ("random", "legacy", "new"):
        assert len({one[generator] for one in drawn}) == len(drawn), generator


LEAVES_A_THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
NOT_PRELOADED = {
    "one that ends": ("loud", "raise SystemExit(3)", "loud: SystemExit: 3"),
    "one that leaves a thread": ("loud", LEAVES_A_THREAD, "loud leaves threads running"),
    "one that asks for the set's": ("loud", "import shout", "loud: ModuleNotFoundError: No module"),
    "one of the set's": ("shout", SHOUT, "shout is a module of the set's own"),
    "one that brings its name": (
        "loud",
        "import sys\nsys.modules['shout'] = sys",
        "a package has a module shout",
    ),
    "none": ("louder", SHOUT, "louder: ModuleNotFoundError: No module named 'louder'"),
}


def test_what_cannot_be_preloaded_is_named_and_nothing_is_served(shouting):
    installed = Path(shouting.prepare().stdout.strip()) / "loud/__init__.py"
    for module, source, message in NOT_PRELOADED.values():
        (shouting.folder / "toolset.yaml").write_text(f"preload: [{module}]\n")
        installed.write_text(source)
        done = shouting.sandbox("run", "shout", '{"text":"a"}')
        assert f"tool set shouting: preload: {message}" in done.stderr, done.stderr
        assert done.returncode == 2 and done.stdout == ""
