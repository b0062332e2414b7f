"""Tools that ask the user: written once, asked by the real clients of each era, and by bytes."""

import pytest
from support.clients import node_program, python_program
from support.gateway import Gateway, change_settings, copied_tools, fixture_config
from support.rpc import MODERN, text_of

ASKING = '''
from dataclasses import dataclass
from typing import Literal

from mcpgate import Context, tool


@dataclass
class Booking:
    name: str
    seats: int = 2
    table: Literal["window", "door"] = "door"


@tool(timeout=20)
def book(day: str, ctx: Context) -> str:
    """Books a table."""
    free = ctx.call_tool("add", {"a": 1, "b": 2}).data
    answer = ctx.elicit(f"Who comes on {day}?", Booking, key="who")
    if not answer.accepted:
        return "not booked"
    sure = ctx.elicit(f"{free} tables are free. Sure?", {"type": "object", "properties": {}})
    booking = answer.data
    return f"{booking.name}: {booking.seats} at the {booking.table}, {sure.action}"
'''
ANSWERS = {"name": "Ann", "seats": 4, "table": "window"}
BOOKED = "Ann: 4 at the window, accept"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    tools = copied_tools(tmp_path_factory.mktemp("asking") / "tools")
    (tools / "trial" / "asking.py").write_text(ASKING)
    change_settings(tools / "trial", ("wall: 8s", "wall: 20s"))
    gateway = Gateway(tools, config=fixture_config()).wait_ready()
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def key(gateway):
    return gateway.known_key("asked@example.com", "mcp-admin")


def order(gateway, key: str, **more) -> dict:
    calls = [{"name": "book", "arguments": {"day": "Monday"}}]
    headers = {"Authorization": f"Bearer {key}"}
    return {"url": gateway.url, "headers": headers, "calls": calls} | more


@pytest.mark.parametrize(
    ("program", "era"),
    [("sdk_v1", "legacy"), ("sdk_v2", MODERN), ("sdk_v2", "legacy"), ("python", MODERN),
     ("python", "legacy")],
)  # fmt: skip
def test_a_real_client_is_asked(gateway, key, program, era):
    wanted = order(gateway, key, era=era, answers=ANSWERS)
    report = python_program(wanted) if program == "python" else node_program(program, wanted)
    call = report["calls"][0]
    assert "error" not in call, call
    assert text_of(call["result"]) == BOOKED


@pytest.mark.parametrize(("program", "era"), [("sdk_v1", "legacy"), ("sdk_v2", MODERN)])
def test_a_client_without_the_capability_is_told(gateway, key, program, era):
    call = node_program(program, order(gateway, key, era=era))["calls"][0]
    if era == MODERN:
        assert call["error"]["code"] == -32021
    else:
        assert call["result"]["isError"]
        assert "did not declare the capability" in text_of(call["result"])


def test_the_state_is_of_one_call(gateway, key):
    client = gateway.client(key, modern=True)
    meta = {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}}
    call = {"name": "book", "arguments": {"day": "Monday"}} | meta
    asked = client.request("tools/call", call).result
    assert asked["resultType"] == "input_required"
    assert asked["inputRequests"]["who"]["params"]["message"] == "Who comes on Monday?"
    responses = {"who": {"action": "decline"}}
    state = {"inputResponses": responses, "requestState": asked["requestState"]}
    done = client.request("tools/call", call | state).result
    assert text_of(done) == "not booked"
    other = call | {"arguments": {"day": "Sunday"}} | state
    assert client.request("tools/call", other).error["code"] == -32602
