"""Sets that are searched instead of listed: what search_tools finds is what its caller may use."""

import json

import pytest
from support.clients import node_program
from support.gateway import Gateway, copied_tools, fixture_config, tool_set
from support.rpc import RpcError, text_of

REGIONS = '''
from mcpgate import Context, tool


@tool(read_only=True)
def monthly_revenue(region: str) -> str:
    """Revenue of a month, for finance."""
    return f"{region}: 7"


@tool(read_only=True)
def list_regions() -> list[str]:
    """All regions and their codes."""
    return ["eu"]


@tool
def drop_region(region: str) -> str:
    """Removes a region for good."""
    return region


@tool(read_only=True)
def look(query: str, context: Context) -> str:
    """Searches as a tool does."""
    found = context.call_tool("search_tools", {"query": query}).data
    return ",".join(tool["name"] for tool in found["tools"])
'''
READER = {"mcp-reader": {"toolSets": ["regions", "trial"], "readOnly": True}}


def options(folder, search) -> dict:
    """Of a gateway with a set that is searched by whom `search` says."""
    tools = copied_tools(folder / "tools")
    (tools / "regions").mkdir()
    (tools / "regions" / "regions.py").write_text(REGIONS)
    (tools / "regions" / "toolset.yaml").write_text("description: Many.\n")
    config = fixture_config(roles=READER)
    config["toolSets"]["regions"] = tool_set("regions", "mcp-regions", search=search)
    return {"tools": tools, "config": config}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(**options(tmp_path_factory.mktemp("many"), search=True)).wait_ready()
    yield gateway
    gateway.close()


def client_of(gateway, role):
    return gateway.client(gateway.known_key(f"{role}@example.com", role))


def found(client, query, **arguments):
    result = client.call("search_tools", {"query": query} | arguments)
    tools = result["structuredContent"]["tools"]
    assert json.loads(text_of(result)) == {"tools": tools}
    return [tool["name"] for tool in tools]


def test_a_searched_set_is_found_and_called_but_not_listed(gateway):
    owner = client_of(gateway, "mcp-regions")
    assert owner.tool_names() == ["search_tools"]
    assert found(owner, "revenue of regions")[0] == "monthly_revenue"
    assert sorted(found(owner, "region")) == ["drop_region", "list_regions", "monthly_revenue"]
    assert len(found(owner, "region", limit=1)) == 1
    assert text_of(owner.call("monthly_revenue", {"region": "eu"})) == "eu: 7"


def test_what_one_may_not_use_is_not_found(gateway):
    reader = client_of(gateway, "mcp-reader")
    names = reader.tool_names()
    assert "echo" in names and names[-1] == "search_tools"
    assert "drop_region" not in found(reader, "drop_region removes")
    assert "echo" in found(reader, "echo")
    with pytest.raises(RpcError, match="drop_region"):
        reader.call("drop_region", {"region": "eu"})


def test_a_set_is_searched_by_some_roles_and_listed_to_others(start_gateway, tmp_path):
    gateway = start_gateway(**options(tmp_path, search=["mcp-regions"]))
    owner, reader = client_of(gateway, "mcp-regions"), client_of(gateway, "mcp-reader")
    assert owner.tool_names() == ["search_tools"]
    assert "drop_region" in found(owner, "region")
    assert {"monthly_revenue", "echo"} <= set(reader.tool_names())
    assert not {"search_tools", "drop_region"} & set(reader.tool_names())
    assert text_of(reader.call("monthly_revenue", {"region": "eu"})) == "eu: 7"


def test_a_tool_searches_for_its_user(gateway):
    for role, seen in (("mcp-regions", True), ("mcp-reader", False)):
        names = text_of(client_of(gateway, role).call("look", {"query": "region"})).split(",")
        assert ("drop_region" in names) is seen


def test_without_a_searched_tool_there_is_no_search(gateway):
    tester = client_of(gateway, "mcp-tester")
    assert "search_tools" not in tester.tool_names()
    with pytest.raises(RpcError) as error:
        tester.call("search_tools", {"query": "region"})
    assert error.value.code == -32602


def test_wrong_arguments_are_told(gateway):
    owner = client_of(gateway, "mcp-regions")
    for arguments in ({}, {"query": ""}, {"query": "x", "limit": 51}, {"query": 7}):
        assert owner.call("search_tools", arguments)["isError"], arguments


@pytest.mark.parametrize(
    ("program", "era"), [("sdk_v1", "legacy"), ("sdk_v2", "legacy"), ("sdk_v2", "2026-07-28")]
)
def test_real_clients_search_and_call(gateway, program, era):
    key = gateway.known_key("sdk@example.com", "mcp-regions")
    order = {
        "url": gateway.url,
        "headers": {"Authorization": f"Bearer {key}"},
        "era": era,
        "calls": [
            {"name": "search_tools", "arguments": {"query": "revenue"}},
            {"name": "monthly_revenue", "arguments": {"region": "eu"}},
        ],
    }
    searched, called = (call["result"] for call in node_program(program, order)["calls"])
    assert searched["structuredContent"]["tools"][0]["name"] == "monthly_revenue"
    assert called["content"][0]["text"] == "eu: 7"


def test_the_command_line_searches_whatever_is_there(gateway, tmp_path):
    for role, first in (("mcp-regions", "monthly_revenue"), ("mcp-tester", "echo")):
        file = tmp_path / role
        file.write_text(gateway.known_key(f"{role}@example.com", role))
        file.chmod(0o600)
        words = ["tools", "search", *first.split("_"), "--url", gateway.url, "--token-file", file]
        done = gateway.mcpgate(*words)
        assert done.returncode == 0 and done.stdout.startswith(f"{first} "), done
        listed = json.loads(gateway.mcpgate(*words, "--output", "json").stdout)
        assert listed["tools"][0]["name"] == first
        none = gateway.mcpgate("tools", "search", "zebra", *words[-4:])
        assert none.stdout == "No tool that is open to you is found by these words.\n"


def test_a_search_is_recorded_like_any_call(gateway):
    owner = client_of(gateway, "mcp-regions")
    before = len(gateway.records())
    found(owner, "needle")
    record = next(
        record for record in gateway.records()[before:] if record["method"] == "tools/call"
    )
    assert record["tool"] == "search_tools" and record["decision"] == "allow"
    assert "needle" not in json.dumps(record)
