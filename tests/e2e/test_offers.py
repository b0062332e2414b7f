"""Resources, prompts and completion of a tool set, through the real gateway, sandbox and SDKs."""

import pytest
from support.clients import inspector, node_program
from support.rpc import RpcError

README = {"method": "readResource", "params": {"uri": "trial://readme"}}
GREET = {"method": "getPrompt", "params": {"name": "greet", "arguments": {"whom": "Ann"}}}
TONES = {
    "method": "complete",
    "params": {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "tone", "value": "w"},
    },
}


@pytest.mark.parametrize(
    ("program", "era"), [("sdk_v1", "legacy"), ("sdk_v2", "legacy"), ("sdk_v2", "2026-07-28")]
)
def test_the_real_clients_read_get_and_complete(gateway, program, era):
    key = gateway.known_key("reader@example.com", "mcp-tester")
    order = {
        "url": gateway.url,
        "headers": {"Authorization": f"Bearer {key}"},
        "era": era,
        "others": [README, GREET, TONES, {"method": "listResourceTemplates"}],
    }
    read, got, completed, templates = (
        other["result"] for other in node_program(program, order)["others"]
    )
    text = "# Trial\n\nFor reader@example.com."
    contents = {"uri": "trial://readme", "mimeType": "text/markdown", "text": text}
    assert read["contents"] == [contents]
    assert [message["role"] for message in got["messages"]] == ["user", "assistant"]
    assert got["messages"][0]["content"]["text"] == "Greet Ann, dry."
    assert completed["completion"]["values"] == ["warm"]
    assert [item["uriTemplate"] for item in templates["resourceTemplates"]] == [
        "trial://days/{day}"
    ]


def test_the_inspector_finds_no_fault(gateway):
    key = gateway.known_key("inspector@example.com", "mcp-tester")
    for era in ("modern", "legacy"):
        words = ["--method", "resources/read", "--uri", "trial://days/friday"]
        read = inspector(gateway.url, key, era, *words)
        assert read["contents"][0]["text"] == '{"number":4}'


@pytest.mark.parametrize("modern", [True, False])
def test_what_is_not_there_is_not_found(gateway, tester, modern):
    client = gateway.client(tester.key, modern=modern)
    for uri in ("trial://days/sunday", "trial://other", "trial://days/../readme"):
        with pytest.raises(RpcError) as error:
            client.request("resources/read", {"uri": uri}).result
        assert error.value.code == (-32602 if modern else -32002)
        assert error.value.data == {"uri": uri}
    with pytest.raises(RpcError, match="that day is not told"):
        client.request("resources/read", {"uri": "trial://days/doomsday"}).result


def test_a_completion_is_of_the_set(tester):
    ref = {"type": "ref/resource", "uri": "trial://days/{day}"}
    params = {"ref": ref, "argument": {"name": "day", "value": "T"}}
    completion = tester.request("completion/complete", params).result["completion"]
    assert completion == {"values": ["tuesday", "thursday"], "total": 2, "hasMore": False}


def test_an_argument_of_another_type_is_told(tester):
    arguments = {"whom": "Ann", "tone": "loud"}
    with pytest.raises(RpcError, match="expected one of 'dry', 'warm'"):
        tester.request("prompts/get", {"name": "greet", "arguments": arguments}).result


def test_what_another_role_has_is_not_there(gateway):
    dba = gateway.user("dba@example.com", "mcp-dba")
    assert dba.request("resources/list").result["resources"] == []
    assert dba.request("resources/templates/list").result["resourceTemplates"] == []
    assert dba.request("prompts/list").result["prompts"] == []
    with pytest.raises(RpcError, match="Resource not found"):
        dba.request("resources/read", {"uri": "trial://readme"}).result
    with pytest.raises(RpcError, match="Unknown prompt: greet"):
        dba.request("prompts/get", {"name": "greet", "arguments": {"whom": "x"}}).result
    hidden, missing = (
        [r for r in gateway.records() if r.get("method") == "resources/read"][-1],
        [r for r in gateway.records() if r.get("method") == "prompts/get"][-1],
    )
    assert hidden["status"] == missing["status"] == "denied"
    assert (hidden["tool"], missing["tool"]) == ("readme", "greet")


def test_a_set_without_any_has_empty_lists(project_gateway):
    analyst = project_gateway.user("analyst2@example.com", "mcp-log-analyst")
    assert analyst.request("resources/list").result == {"resources": []}
    assert analyst.request("prompts/list").result == {"prompts": []}
