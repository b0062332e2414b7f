"""A legacy client that loses the stream of its call, or is asked to leave it, comes back for the
rest."""

import pytest
from support import BIN
from support.clients import node_program, python_program
from support.gateway import Gateway, copied_tools, environment
from support.rpc import text_of
from support.streams import call, get

LEAVE = '''import time

from mcpgate import Context, tool


@tool
def leave(ctx: Context) -> str:
    """Lets its client go before it has a result."""
    left = ctx.close_stream()
    time.sleep(0.2)
    return "left" if left else "stayed"
'''


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    tools = copied_tools(tmp_path_factory.mktemp("resuming") / "tools")
    (tools / "trial" / "leave.py").write_text(LEAVE)
    shared = Gateway(tools).wait_ready()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def key(gateway):
    return gateway.known_key("ada@example.com", "mcp-tester")


@pytest.fixture
def session(gateway, key):
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    return gateway.client(key).request("initialize", params).headers["mcp-session-id"]


def test_what_a_lost_stream_would_have_said_is_said_once(gateway, key, session):
    lost = call(gateway.port, key, session, "count", {"steps": 4, "pause": 0.1})
    primed, first = lost.read(), lost.read()
    assert primed.message is None and primed.retry
    assert first.message["params"]["progress"] == 1
    lost.close()
    back = get(gateway.port, key, session, **{"Last-Event-ID": first.id})
    assert [back.read().message["params"]["progress"] for _ in range(3)] == [2, 3, 4]
    assert text_of(back.read().message["result"]) == "counted to 4"
    assert back.read() is None


def test_whoever_was_sent_away_finds_the_result(gateway, key, session):
    left = call(gateway.port, key, session, "leave", {})
    last_event = left.read().id
    assert left.read() is None
    back = get(gateway.port, key, session, **{"Last-Event-ID": last_event})
    assert text_of(back.read().message["result"]) == "left"


def test_an_event_of_nobody_is_refused(gateway, key, session):
    stream = get(gateway.port, key, session, **{"Last-Event-ID": "nothing-of-ours"})
    assert stream.status == 400
    assert b"not an event of this session" in stream.answer.read()


def test_the_bridge_comes_back_for_its_client(gateway, key):
    order = {
        "command": str(BIN / "mcpgate"),
        "args": ["stdio", "--url", gateway.url, "--token-file", str(gateway.key_file(key))],
        "env": environment(gateway.state),
        "calls": [{"name": "leave", "arguments": {}}],
    }
    report = node_program("sdk_v1", order)
    assert text_of(report["calls"][0]["result"]) == "left", report


@pytest.mark.parametrize(
    ("run", "era", "result"),
    [
        ("sdk_v1", "legacy", "left"),
        ("sdk_v2", "legacy", "left"),
        ("python", "legacy", "left"),
        ("sdk_v2", "2026-07-28", "stayed"),
    ],
)
def test_real_clients_come_back_by_themselves(gateway, key, run, era, result):
    order = {
        "url": gateway.url,
        "headers": {"Authorization": f"Bearer {key}"},
        "calls": [{"name": "leave", "arguments": {}}],
        "era": era,
    }
    report = python_program(order) if run == "python" else node_program(run, order)
    assert text_of(report["calls"][0]["result"]) == result, report
