"""Tools that call other tools, each decided, recorded and confined like a client's call. And how
calls end with their clients. Tools that ask the user: test_asking.py."""

import pytest
from support.gateway import Gateway, change_settings, copied_tools, fixture_config
from support.processes import descendants, wait_until
from support.rpc import text_of

ASKING = '''
from mcpgate import Context, ToolError, tool


@tool(read_only=True)
def relay(name: str, arguments: dict, context: Context) -> str:
    """Calls another tool and says what it answered."""
    return "it said: " + str(context.call_tool(name, arguments).data)


@tool()
async def gather(context: Context) -> list[int]:
    """Calls a tool several times."""
    return [(await context.call_tool("add", {"a": n, "b": n})).data for n in range(3)]


@tool()
def descend(depth: int, context: Context) -> int:
    """Calls itself so often."""
    return 0 if depth == 0 else context.call_tool("descend", {"depth": depth - 1}).data + 1


@tool()
def ask_user(context: Context) -> str:
    """Asks the user."""
    return context.elicit("Really?", {"type": "object", "properties": {}}, key="really").action


@tool()
def shrug(name: str, context: Context) -> str:
    """Lives with another tool's failure."""
    result = context.call_tool(name, {}, raise_on_error=False)
    return f"{result.is_error}: {result.meta.get('io.mcpgate/reason')}"
'''
ROLES = {"mcp-admin": {"toolSets": ["*"]}, "mcp-viewer": {"toolSets": ["trial"], "readOnly": True}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    tools = copied_tools(tmp_path_factory.mktemp("asking") / "tools")
    (tools / "trial" / "asking.py").write_text(ASKING)
    # One place for all: an inner call runs in that of the one which waits for it.
    change_settings(tools / "trial", ("wall: 8s", "wall: 20s"), ("inFlight: 4", "inFlight: 1"))
    with (tools / "trial" / "toolset.yaml").open("a") as settings:
        settings.write("tools: {sleeps: {limits: {wall: 1s}}}\n")
    limits = {"resumeWindow": "200ms", "innerDepth": 2}
    gateway = Gateway(tools, config=fixture_config(roles=ROLES, limits=limits)).wait_ready()
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def tester(gateway):
    return gateway.user("tester@example.com", "mcp-tester")


def records_of(gateway, tool: str) -> list[dict]:
    return [r for r in gateway.records() if r["type"] == "mcp_request" and r.get("tool") == tool]


def calls_running(gateway) -> int:
    """The children of the zygotes of the set."""
    family = descendants(gateway.daemon("trial").pid)
    zygotes = {process.pid for process in family if process.name == "mcpgate-zygote"}
    return sum(process.parent in zygotes for process in family)


def test_a_tool_calls_another(gateway, tester):
    result = tester.call("relay", {"name": "add", "arguments": {"a": 40, "b": 2}})
    assert text_of(result) == "it said: 42"
    inner, outer = records_of(gateway, "add")[-1], records_of(gateway, "relay")[-1]
    assert inner["parent"] == outer["request_id"] != inner["request_id"]
    assert inner["user"] == outer["user"] == "tester@example.com"
    assert inner["decision"] == "allow" and inner["status"] == "success"
    assert "parent" not in outer
    assert tester.call("gather")["structuredContent"] == {"result": [0, 2, 4]}


def test_what_the_user_may_not_see_is_not_there_for_its_tools(gateway, tester):
    viewer = gateway.user("viewer@example.com", "mcp-viewer")
    for client, name in [(tester, "vacuum"), (tester, "nothing"), (viewer, "raises")]:
        result = client.call("relay", {"name": name, "arguments": {}})
        assert result["isError"] and text_of(result) == f"Unknown tool: {name}"
    assert records_of(gateway, "vacuum")[-1]["status"] == "denied"
    assert records_of(gateway, "raises")[-1]["status"] == "denied"
    assert records_of(gateway, "nothing")[-1]["status"] == "invalid"


def test_the_failure_of_the_other_is_told(tester):
    wrong = tester.call("relay", {"name": "add", "arguments": {"a": "x", "b": 2}})
    assert wrong["isError"] and "arguments.a" in text_of(wrong)
    raises = tester.call("relay", {"name": "raises", "arguments": {}})
    assert raises["isError"] and "the tool's own mistake" in text_of(raises)
    assert text_of(tester.call("shrug", {"name": "raises"})) == "True: None"
    assert text_of(tester.call("shrug", {"name": "sleeps"})) == "True: timeout"


def test_how_deep_is_bounded(tester):
    assert tester.call("descend", {"depth": 2})["structuredContent"] == {"result": 2}
    deeper = tester.call("descend", {"depth": 3})
    assert deeper["isError"] and "2 deep already" in text_of(deeper)


def test_the_user_of_a_client_without_a_session_cannot_be_asked(tester):
    result = tester.call("ask_user")
    assert result["isError"]
    assert "did not declare the capability" in text_of(result)


@pytest.mark.parametrize(
    ("modern", "why"), [(True, "client disconnected"), (False, "resume window")]
)
def test_a_client_that_hangs_up_takes_the_whole_call_with_it(gateway, tester, modern, why):
    """At once in 2026-07-28; in the revisions before after limits.resumeWindow."""
    before = len(gateway.records())
    client = gateway.client(tester.key, modern=modern)
    connection = client.begin_call("relay", {"name": "wait", "arguments": {"seconds": 15}})

    def of(kind: str) -> set[str]:
        return {r["tool"] for r in gateway.records()[before:] if r["type"] == kind}

    wait_until(lambda: of("mcp_call_start") == {"relay", "wait"}, "the inner call is under way")
    connection.close()
    wait_until(lambda: of("mcp_request") == {"relay", "wait"}, "the end of both is recorded")
    wait_until(lambda: calls_running(gateway) == 0, "the children are gone")
    for tool in ("relay", "wait"):
        end = records_of(gateway, tool)[-1]
        assert (end["status"], end["reason"]) == ("cancelled", why)
    assert text_of(tester.call("echo", {"text": "next"})) == "next"
