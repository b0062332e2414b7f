"""Streams on which the server speaks first: an edit of a tool set reaches whoever may see it, on
every loop, and real clients; streams end with their credential and with the gateway."""

import json
import signal

import pytest
from support.clients import node_program, python_program
from support.gateway import fixture_config
from support.processes import CONNECTIONS_TO_ALL_LOOPS, wait_until
from support.rpc import MODERN
from support.streams import get, listen

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
TOOLS_CHANGED = "notifications/tools/list_changed"

GREET = '''from mcpgate import tool


@tool(read_only=True)
def greet(name: str) -> str:
    """Greets, version EDIT."""
    return "hello, " + name
'''


@pytest.fixture
def edited(start_gateway, editable_tools):
    gateway = start_gateway(editable_tools)
    return gateway, editable_tools / "trial"


def add_greet(folder):
    draft = folder / ".greet.draft"
    draft.write_text(GREET)
    draft.rename(folder / "greet.py")


def new_session(gateway, key: str) -> str:
    reply = gateway.client(key).request(
        "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    )
    return reply.headers["mcp-session-id"]


def test_an_edit_is_told_on_every_loop_to_whom_sees_the_set(edited):
    gateway, folder = edited
    key = gateway.known_key("tester@example.com", "mcp-tester")
    stranger = gateway.known_key("stranger@example.com", "mcp-nobody")
    streams = [
        listen(gateway.port, key, toolsListChanged=True) for _ in range(CONNECTIONS_TO_ALL_LOOPS)
    ]
    sessions = [get(gateway.port, key, new_session(gateway, key)) for _ in range(4)]
    blind = listen(gateway.port, stranger, toolsListChanged=True)
    assert {stream.method() for stream in [*streams, blind]} == {ACKNOWLEDGED}
    assert all(session.read().id for session in sessions)
    add_greet(folder)
    assert {stream.method() for stream in [*streams, *sessions]} == {TOOLS_CHANGED}
    # It says nothing to others: what comes next on their stream is its end.
    gateway.process.signal(signal.SIGTERM)
    event = blind.read()
    assert event.message["result"]["resultType"] == "complete", event
    assert blind.read() is None
    assert gateway.stop() == 0


def test_who_comes_back_is_told_what_it_missed(edited):
    gateway, folder = edited
    key = gateway.known_key("tester@example.com", "mcp-tester")
    session = new_session(gateway, key)
    stream = get(gateway.port, key, session)
    last = stream.read().id
    stream.close()
    tester = gateway.client(key)
    add_greet(folder)
    wait_until(lambda: "greet" in tester.tool_names(), "the new tool is listed")
    wait_until(lambda: missed(gateway, key, session, last), "the change is told to who comes back")


def missed(gateway, key: str, session: str, last: str) -> bool:
    """Whether the loop that this connection meets has seen the edit."""
    again = get(gateway.port, key, session, **{"Last-Event-ID": last})
    assert again.status == 200
    again.read()
    return again.method() == TOOLS_CHANGED


def test_a_revoked_key_ends_its_streams(start_gateway):
    gateway = start_gateway()
    key = gateway.known_key("tester@example.com", "mcp-tester")
    streams = [listen(gateway.port, key) for _ in range(CONNECTIONS_TO_ALL_LOOPS)]
    streams.append(get(gateway.port, key, new_session(gateway, key)))
    assert gateway.mcpgate("keys", "revoke", key.split("_")[1]).returncode == 0
    for stream in streams:
        while stream.read() is not None:
            pass


def test_a_session_ends_with_delete_on_every_loop(start_gateway):
    gateway = start_gateway()
    key = gateway.known_key("tester@example.com", "mcp-tester")
    client = gateway.client(key)
    for _ in range(4):
        session = new_session(gateway, key)
        stream = get(gateway.port, key, session)
        stream.read()
        headers = {"Authorization": f"Bearer {key}", "Mcp-Session-Id": session}
        assert client.send("DELETE", "/mcp", headers).status == 204
        assert stream.read() is None
        assert client.send("DELETE", "/mcp", headers).status == 404
        assert client.request("ping", headers={"Mcp-Session-Id": session}).status == 404


def test_the_end_of_the_gateway_ends_streams_and_loses_no_request(start_gateway):
    gateway = start_gateway()
    key = gateway.known_key("tester@example.com", "mcp-tester")
    streams = [listen(gateway.port, key) for _ in range(8)]
    streams += [get(gateway.port, key, new_session(gateway, key)) for _ in range(8)]
    gateway.process.signal(signal.SIGTERM)
    for stream in streams:
        while stream.read() is not None:
            pass
    wait_until(lambda: gateway.process.exit_code() is not None, "the end", 20)
    assert gateway.stop() == 0


def test_streams_are_limited(start_gateway):
    gateway = start_gateway(config=fixture_config() | {"limits": {"streamsPerPrincipal": 2}})
    key = gateway.known_key("tester@example.com", "mcp-tester")
    open_streams = [listen(gateway.port, key) for _ in range(2)]
    assert [stream.status for stream in open_streams] == [200, 200]
    refused = listen(gateway.port, key)
    assert refused.status == 429
    assert json.loads(refused.answer.read())["error"]["code"] == -32603
    open_streams[0].close()
    wait_until(lambda: listen(gateway.port, key).status == 200, "the place is free again")


def order(gateway, key: str, folder, **more) -> dict:
    edit = {"path": str(folder / "greet.py"), "text": GREET}
    return {"url": gateway.url, "headers": {"Authorization": f"Bearer {key}"}, "edit": edit} | more


@pytest.mark.parametrize(
    ("program", "era"),
    [("sdk_v1", "legacy"), ("sdk_v2", "legacy"), ("sdk_v2", MODERN)],
)
def test_typescript_sdks_are_told(edited, program, era):
    gateway, folder = edited
    key = gateway.known_key("tester@example.com", "mcp-tester")
    assert node_program(program, order(gateway, key, folder, era=era))["told"]


def test_the_python_sdk_is_told(edited):
    gateway, folder = edited
    key = gateway.known_key("tester@example.com", "mcp-tester")
    assert python_program(order(gateway, key, folder, era=MODERN))["told"]
