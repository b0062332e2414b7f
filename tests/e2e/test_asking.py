"""Tools that ask the user, where a client cannot be asked or answers for another call. That the
real clients of each era are asked: test_clients.py."""

import pytest
from support.clients import node_program
from support.rpc import MODERN, text_of


@pytest.fixture(scope="module")
def key(asking_gateway):
    return asking_gateway.known_key("asked@example.com", "mcp-admin")


def order(gateway, key: str, **more) -> dict:
    calls = [{"name": "book", "arguments": {"day": "Monday"}}]
    headers = {"Authorization": f"Bearer {key}"}
    return {"url": gateway.url, "headers": headers, "calls": calls} | more


@pytest.mark.parametrize(("program", "era"), [("sdk_v1", "legacy"), ("sdk_v2", MODERN)])
def test_a_client_without_the_capability_is_told(asking_gateway, key, program, era):
    call = node_program(program, order(asking_gateway, key, era=era))["calls"][0]
    if era == MODERN:
        assert call["error"]["code"] == -32021
    else:
        assert call["result"]["isError"]
        assert "did not declare the capability" in text_of(call["result"])


def test_the_state_is_of_one_call(asking_gateway, key):
    client = asking_gateway.client(key, modern=True)
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
