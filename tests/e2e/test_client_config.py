"""What `client-config` prints for each client makes a call, exactly as printed.

The printed text is read as its client reads it (each parser names the documentation it follows),
the key filled in where the text leaves a place for it, and the call made with that URL, header or
command.
"""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from support.clients import node_program
from support.rpc import text_of

CALL = {"name": "log_store", "arguments": {"action": "summary"}}

# `${env:NAME}` (Cursor, VS Code), `${NAME}` and `${NAME:-default}` (Claude Code), `${input:id}` (VS
# Code).
PLACE = re.compile(r"\$\{(?:(env|input):)?([A-Za-z0-9_.-]+)(?::-[^}]*)?\}")


def fill(text: str, key: str) -> str:
    """The key where the text has a place for a secret."""
    return PLACE.sub(lambda match: key, text)


def printed(gateway, client: str) -> str:
    done = gateway.mcpgate("client-config", "--client", client, "--url", gateway.url)
    assert done.returncode == 0, done.stderr
    for secret in gateway.secrets:
        assert secret not in done.stdout
    return done.stdout


def json_of(text: str) -> dict:
    """The JSON document of a text that may have `//` comment lines (VS Code's mcp.json is
    JSONC)."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("//")]
    return json.loads("\n".join(lines))


def call(server: dict, key: str) -> dict:
    """A call by the real SDK with what a client has read from its configuration."""
    if "command" in server:
        environment = {name: fill(value, key) for name, value in server.get("env", {}).items()}
        order = {
            "command": server["command"],
            "args": server.get("args", []),
            # A client starts servers with little of its own environment, and the user's shell's
            # PATH.
            "env": {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
        }
    else:
        headers = {name: fill(value, key) for name, value in server.get("headers", {}).items()}
        order = {"url": server["url"], "headers": headers}
    report = node_program("sdk_v1", order | {"calls": [CALL]})
    return report["calls"][0]


def check(server: dict, key: str):
    done = call(server, key)
    assert "error" not in done, done
    assert not done["result"].get("isError"), text_of(done["result"])


@pytest.fixture(scope="module")
def key(project_gateway):
    return project_gateway.known_key("editor@example.com", "mcp-log-analyst")


def test_cursor(project_gateway, key):
    """~/.cursor/mcp.json: `mcpServers`, url and headers (cursor.com/docs/context/mcp)."""
    servers = json_of(printed(project_gateway, "cursor"))["mcpServers"]
    assert list(servers) == ["mcpgate"]
    assert servers["mcpgate"]["url"] == project_gateway.url
    check(servers["mcpgate"], key)


def test_vscode(project_gateway, key):
    """.vscode/mcp.json: `servers` with a type, secrets by `inputs`
    (code.visualstudio.com/docs/copilot/customization/mcp-servers)."""
    document = json_of(printed(project_gateway, "vscode"))
    server = document["servers"]["mcpgate"]
    assert server["type"] == "http"
    asked = {entry["id"] for entry in document.get("inputs", []) if entry.get("password")}
    used = set(re.findall(r"\$\{input:([^}]+)\}", json.dumps(server)))
    assert used and used <= asked, "a secret is asked for, hidden, not kept in the file"
    check(server, key)


def test_claude_code(project_gateway, key):
    """A `claude mcp add` command, or a .mcp.json (code.claude.com/docs/en/mcp)."""
    text = printed(project_gateway, "claude-code")
    if text.lstrip().startswith("{"):
        check(json_of(text)["mcpServers"]["mcpgate"], key)
        return
    command = next(
        line for line in text.replace("\\\n", " ").splitlines() if "claude mcp add" in line
    )
    words = shlex.split(re.sub(r"\$\((?:cat|<)[^)]*\)|\$\{?[A-Z_]+\}?", key, command))
    assert words[:3] == ["claude", "mcp", "add"]
    assert words[words.index("--transport") + 1] == "http"
    header = words[words.index("--header") + 1]
    name, _, value = header.partition(":")
    url = next(word for word in words if word.startswith(("http://", "https://")))
    check({"url": url, "headers": {name: value.strip()}}, key)


def test_claude_desktop(project_gateway, key):
    """claude_desktop_config.json knows commands only: `mcpServers`, command, args, env
    (modelcontextprotocol.io/docs/develop/connect-local-servers)."""
    server = json_of(printed(project_gateway, "claude-desktop"))["mcpServers"]["mcpgate"]
    assert server["command"].startswith("/"), "Claude Desktop has not the user's PATH"
    if "--token-file" in server["args"]:
        path = Path(server["args"][server["args"].index("--token-file") + 1])
        assert path.is_absolute(), "nor the user's folder"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(key + "\n")
    check(server, key)


@pytest.mark.parametrize(
    "url", ["https://user:pw@h/mcp", "https://h/mcp?api_key=x", "https://h/mcp?token=x"]
)
def test_url_with_a_credential_is_refused(project_gateway, url):
    done = project_gateway.mcpgate("client-config", "--client", "cursor", "--url", url)
    assert done.returncode == 2
    assert done.stdout == "" and "pw" not in done.stderr


def test_unknown_client_is_wrong_usage(project_gateway):
    done = project_gateway.mcpgate("client-config", "--client", "netscape")
    assert done.returncode == 2
    assert "cursor" in done.stderr, "says which clients there are"
