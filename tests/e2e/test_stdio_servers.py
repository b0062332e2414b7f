"""Unmodified public MCP servers as tool sets: one of npm, one of Python, each in a process for each
user, confined, through the gateway."""

import contextlib
import json
import os
import shutil
import signal

import pytest
from support import ROOT
from support.clients import NODE
from support.gateway import Gateway
from support.processes import descendants, wait_until
from support.rpc import text_of
from support.streams import listen

PACKAGES = ROOT / "build" / "servers" / "node_modules"
WHEELS = ROOT / "build" / "server-wheels"
EVERYTHING = "node_modules/@modelcontextprotocol/server-everything/dist/index.js"


def make_tool_sets(tools):
    """As the guide has it: the packages are in the set's folder, or named in requirements.txt."""
    everything, clock = tools / "everything", tools / "clock"
    clock.mkdir(parents=True)
    shutil.copytree(PACKAGES, everything / "node_modules", symlinks=True)
    (everything / "toolset.yaml").write_text(
        f"command: [{NODE}, {EVERYTHING}]\nserver: {{idle: 1h}}\nrequiredRole: mcp-tester\n"
    )
    (clock / "toolset.yaml").write_text(
        "command: [python3, -m, mcp_server_time]\nrequiredRole: mcp-tester\n"
    )
    shutil.copy(ROOT / "tests" / "servers" / "requirements.txt", clock)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    assert PACKAGES.exists(), "no npm server: run dev/setup-node.sh clients servers"
    assert WHEELS.exists(), "no Python server: run dev/setup-python.sh"
    root = tmp_path_factory.mktemp("stdio")
    make_tool_sets(root / "tools")
    configuration = root / ".config/pip/pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {WHEELS}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(root))
        shared = Gateway(root / "tools")
    shared.wait_ready()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def ada(gateway):
    client = gateway.user("ada@example.com", "mcp-tester")
    wanted = {"echo", "convert_time"}
    wait_until(lambda: wanted <= set(client.tool_names()), "both servers are listed")
    return client


def servers(gateway, tool_set: str) -> set[int]:
    """The processes of a set's server: no zygote, and what it was forked from."""
    family = descendants(gateway.daemon(tool_set).pid)
    return {process.pid for process in family if process.name != "mcpgate-zygote"}


def test_the_npm_servers_tools_are_listed_as_it_describes_them(ada):
    tools = {tool["name"]: tool for tool in ada.tools()}
    echo = tools["echo"]
    assert echo["title"] == "Echo Tool"
    assert echo["inputSchema"]["required"] == ["message"]
    assert echo["annotations"]["readOnlyHint"] is True
    assert "outputSchema" in tools["get-structured-content"]


def test_the_npm_server_answers(ada):
    assert text_of(ada.call("echo", {"message": "hello"})) == "Echo: hello"
    weather = ada.call("get-structured-content", {"location": "Chicago"})
    assert set(weather["structuredContent"]) == {"temperature", "conditions", "humidity"}


def test_the_python_server_answers(ada):
    arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    result = ada.call("convert_time", arguments)
    assert json.loads(text_of(result))["time_difference"] == "+9.0h"


def test_a_servers_own_failure_passes_through(ada):
    arguments = {"source_timezone": "UTC", "time": "noon", "target_timezone": "Asia/Tokyo"}
    result = ada.call("convert_time", arguments)
    assert result["isError"] is True
    assert "_meta" not in result, "the tool failed, not the sandbox"


def test_progress_passes_through(gateway, ada):
    params = {
        "name": "trigger-long-running-operation",
        "arguments": {"duration": 0.3, "steps": 3},
        "_meta": {"progressToken": "p"},
    }
    reply = ada.request("tools/call", params)
    said = [m["params"] for m in reply.messages if m.get("method") == "notifications/progress"]
    assert [each["progress"] for each in said] == [1, 2, 3]
    assert {each["progressToken"] for each in said} == {"p"}


def test_the_process_sees_no_environment_of_ours_and_no_network(ada):
    variables = json.loads(text_of(ada.call("get-env", {})))
    assert set(variables) == {"PATH", "LANG", "PYTHONDONTWRITEBYTECODE", "HOME", "TMPDIR"}


def test_users_never_share_a_process(gateway, ada):
    """This server says that its list has changed whenever it starts, and the daemon then asks a
    process of its own for the list: so each look waits until the users' processes are alone."""

    def only_one() -> set[int] | None:
        now = servers(gateway, "everything")
        return now if len(now) == 1 else None

    ada.call("echo", {"message": "once"})
    of_ada = wait_until(only_one, "one process serves the set")
    ada.call("echo", {"message": "twice"})
    wait_until(lambda: servers(gateway, "everything") == of_ada, "the same user keeps the process")
    bob = gateway.user("bob@example.com", "mcp-tester")
    assert text_of(bob.call("echo", {"message": "hello"})) == "Echo: hello"

    def one_more() -> bool:
        now = servers(gateway, "everything")
        return of_ada < now and len(now) == 2

    wait_until(one_more, "another process serves the other user")


def test_the_record_says_what_confined_it(gateway, ada):
    ada.call("echo", {"message": "recorded"})
    records = [r for r in gateway.records() if r.get("tool") == "echo" and "profile" in r]
    assert records and all(r["profile"].endswith("+stdio") for r in records)


def test_a_process_that_dies_is_replaced(gateway, ada):
    ada.call("echo", {"message": "before"})
    for pid in servers(gateway, "everything"):
        with contextlib.suppress(ProcessLookupError):  # Who is asked for the list ends by itself.
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not servers(gateway, "everything"), "the processes are gone")
    # A call that comes before the daemon has seen their end is told of it; it may have been done.
    wait_until(
        lambda: text_of(ada.call("echo", {"message": "after"})) == "Echo: after",
        "another process serves",
    )


LISTING_SERVER = """
import json, os, sys

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    message = json.loads(line)
    method, id = message["method"], message.get("id")
    if method == "initialize":
        send(id=id, result={
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "listing", "version": "1"}})
    elif method == "tools/list":
        names = ["refresh", *sorted(os.listdir(sys.argv[1]))]
        send(id=id, result={
            "tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]})
    elif method == "tools/call":
        send(method="notifications/tools/list_changed")
        send(id=id, result={"content": [{"type": "text", "text": message["params"]["name"]}]})
"""


def test_a_server_that_says_its_list_has_changed_is_asked_again(tmp_path, start_gateway):
    names, folder = tmp_path / "names", tmp_path / "tools" / "listing"
    names.mkdir()
    folder.mkdir(parents=True)
    (folder / "server.py").write_text(LISTING_SERVER)
    (folder / "toolset.yaml").write_text(
        f"command: [python3, server.py, {names}]\nrequiredRole: mcp-tester\n"
        f"dataMounts: [{{name: names, path: {names}}}]\n"
    )
    gateway = start_gateway(tools=tmp_path / "tools")
    key = gateway.known_key("tester@example.com", "mcp-tester")
    client = gateway.client(key)
    wait_until(lambda: "refresh" in client.tool_names(), "the server is listed")
    stream = listen(gateway.port, key, toolsListChanged=True)
    assert stream.method() == "notifications/subscriptions/acknowledged"
    (names / "hello").touch()
    assert text_of(client.call("refresh", {})) == "refresh"
    assert stream.method() == "notifications/tools/list_changed"
    wait_until(lambda: "hello" in client.tool_names(), "the new tool is listed")
    assert text_of(client.call("hello", {})) == "hello"
