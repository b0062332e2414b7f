"""MCP servers elsewhere as tool sets: the SDK's own example server, of a legacy revision with
sessions, and another gateway, of 2026-07-28, both called by clients of both eras."""

import json
import os

import pytest
from support import ROOT
from support.clients import NODE
from support.gateway import CANARY, Gateway, fixture_config, fixture_tools
from support.processes import Running, free_port, wait_until
from support.rpc import McpClient, RpcError, text_of

EVERYTHING = (
    ROOT
    / "build/servers/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
)
LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    assert EVERYTHING.exists(), "no npm server: run dev/setup-node.sh clients servers"
    port = free_port()
    server = Running(
        [NODE, EVERYTHING, "streamableHttp"],
        {"PATH": os.environ["PATH"], "PORT": str(port)},
        cwd=tmp_path_factory.mktemp("everything"),
    )
    wait_until(lambda: "listening on port" in server.log, "the npm server listens")
    yield f"http://127.0.0.1:{port}/mcp"
    server.kill()


@pytest.fixture(scope="module")
def far():
    """Another gateway, of which only 2026-07-28 is used, since that is asked for first."""
    gateway = Gateway(fixture_tools(), config=fixture_config()).wait_ready()
    gateway.token = gateway.known_key("near@example.com", "mcp-admin")
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def gateway(far, everything, tmp_path_factory):
    credential = tmp_path_factory.mktemp("credential") / "far"
    credential.write_text(far.token + "\n")
    config = fixture_config()
    config["toolSets"] |= {
        "far": {
            "requiredRole": "mcp-tester",
            "upstream": {
                "url": far.url,
                "credential": {"file": str(credential)},
                "allowAddresses": LOOPBACK,
            },
            "trustAnnotations": True,
            "prefix": "far_",
        },
        "everything": {
            "requiredRole": "mcp-tester",
            "upstream": {"url": everything, "allowAddresses": LOOPBACK},
        },
        # The same again without a prefix: all of its names are taken.
        "clash": {
            "requiredRole": "mcp-tester",
            "upstream": {"url": everything, "allowAddresses": LOOPBACK},
        },
        "metadata": {
            "requiredRole": "mcp-tester",
            "upstream": {"url": everything.replace("127.0.0.1", "localhost")},
        },
    }
    near = Gateway(fixture_tools(), config=config).wait_ready()
    near.credential = credential
    near.secrets.append(far.token)
    yield near
    near.close()


@pytest.fixture(scope="module")
def key(gateway):
    key = gateway.known_key("ada@example.com", "mcp-tester")
    client = gateway.client(key)
    wanted = {"far_echo", "get-sum"}
    wait_until(lambda: wanted <= set(client.tool_names()), "both upstreams are listed")
    return key


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
def ada(gateway, key, request):
    return gateway.client(key, modern=request.param)


def test_tools_of_both_are_called(ada):
    assert text_of(ada.call("far_echo", {"text": "hello"})) == "hello"
    assert "5" in text_of(ada.call("get-sum", {"a": 2, "b": 3}))
    weather = ada.call("get-structured-content", {"location": "Chicago"})
    assert set(weather["structuredContent"]) == {"temperature", "conditions", "humidity"}


def test_arguments_are_checked_here(ada):
    assert ada.call("get-sum", {"a": "x", "b": 3})["isError"] is True


def test_resources_prompts_and_completion_of_both(ada):
    uris = {entry["uri"] for entry in ada.request("resources/list").result["resources"]}
    # The sandboxed set and the far one both have this; the sandbox's is the one that is served.
    assert "trial://readme" in uris
    demo = next(uri for uri in uris if uri.startswith("demo://"))
    assert ada.request("resources/read", {"uri": demo}).result["contents"][0]["uri"] == demo
    dynamic = "demo://resource/dynamic/text/7"
    assert ada.request("resources/read", {"uri": dynamic}).result["contents"][0]["uri"] == dynamic
    prompts = {entry["name"] for entry in ada.request("prompts/list").result["prompts"]}
    assert {"far_greet", "simple-prompt", "completable-prompt"} <= prompts
    got = ada.request("prompts/get", {"name": "far_greet", "arguments": {"whom": "Bo"}}).result
    assert "Bo" in json.dumps(got["messages"])
    completed = ada.request(
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "completable-prompt"},
            "argument": {"name": "department", "value": "E"},
        },
    ).result
    assert completed["completion"]["values"] == ["Engineering"]


def test_what_is_not_there_is_unknown(ada):
    with pytest.raises(RpcError) as refused:
        ada.request("resources/read", {"uri": "demo://resource/nothing"}).result  # noqa: B018
    assert refused.value.code == (-32602 if ada.modern else -32002)


def test_progress_comes_while_it_runs(ada):
    reply = ada.request(
        "tools/call",
        {
            "name": "trigger-long-running-operation",
            "arguments": {"duration": 0.3, "steps": 3},
            "_meta": {"progressToken": "p"},
        },
    )
    steps = [m["params"] for m in reply.messages if m.get("method") == "notifications/progress"]
    assert [step["progress"] for step in steps] == [1, 2, 3]
    assert {step["progressToken"] for step in steps} == {"p"}
    reply = ada.request(
        "tools/call",
        {
            "name": "far_count",
            "arguments": {"steps": 2, "pause": 0.01},
            "_meta": {"progressToken": 5},
        },
    )
    assert [m["method"] for m in reply.messages if "method" in m][:1] == ["notifications/progress"]


def test_a_clash_withholds_the_later_one(gateway, key):
    names = gateway.client(key).tool_names()
    # Sandboxed sets first, though a tool of the same name is elsewhere too.
    assert names.count("echo") == 1
    assert text_of(gateway.client(key).call("echo", {"text": "near"})) == "near"

    def withheld() -> dict[str, int]:
        sets = json.loads(gateway.admin("/status")[1])["toolSets"]
        return {entry["name"]: entry.get("withheld", 0) for entry in sets}

    wait_until(lambda: withheld()["everything"] >= 1, "the earlier set is listed")
    wait_until(lambda: withheld()["clash"] > 10, "the later one is listed too")
    wait_until(lambda: "its echo is withheld" in gateway.log, "its log says so")


def test_an_address_that_is_not_listed_is_not_connected_to(gateway, key):
    states = {
        entry["name"]: entry["state"]
        for entry in json.loads(gateway.admin("/status")[1])["toolSets"]
    }
    assert states["metadata"] in ("pending", "failed")
    wait_until(lambda: "has no address that may be connected to" in gateway.log, "it is said")


def test_annotations_count_only_where_they_are_trusted(gateway, key):
    tools = {tool["name"]: tool for tool in gateway.client(key).tools()}
    assert tools["far_echo"]["annotations"]["readOnlyHint"] is True
    assert "readOnlyHint" not in tools["get-sum"].get("annotations", {})


def test_a_call_is_recorded_like_any_other(gateway, far, key):
    client = gateway.client(key)
    reply = client.request(
        "tools/call", {"name": "far_echo", "arguments": {"text": CANARY + " upstream"}}
    )
    record = gateway.record_of(reply)
    assert record["tool"] == "far_echo"
    assert record["tool_set"] == "far"
    assert record["status"] == "success"
    assert record["profile"] == "upstream"
    # There it is this gateway that calls, whoever called here.
    theirs = [entry for entry in far.records() if entry.get("tool") == "echo"]
    assert {entry["user"] for entry in theirs} == {"near@example.com"}


def test_who_may_not_sees_nothing_of_it(gateway):
    other = gateway.user("dora@example.com", "mcp-dba")
    assert not [name for name in other.tool_names() if name.startswith("far_")]
    with pytest.raises(RpcError) as refused:
        other.call("far_echo", {"text": "x"})
    assert refused.value.message == "Unknown tool: far_echo"


def test_a_credential_that_changes_is_in_force_at_once(gateway, far, key):
    client: McpClient = gateway.client(key)
    gateway.credential.write_text("mcpk_wrong\n")

    def refused():
        result = client.call("far_echo", {"text": "x"})
        return "does not accept this gateway's credential" in text_of(result)

    wait_until(refused, "the wrong credential is in force")
    gateway.credential.write_text(far.token + "\n")
    wait_until(lambda: text_of(client.call("far_echo", {"text": "x"})) == "x", "the right one is")
