"""What conditions on a call open and close, on every surface."""

import itertools
import json
import re

import pytest
from support.gateway import Gateway, fixture_config, fixture_tools
from support.processes import wait_until
from support.rpc import RpcError, text_of

ROLES = {
    "mcp-admin": {"toolSets": ["*"]},
    "clerk": [
        {
            "toolSets": ["trial"],
            "tools": ["echo"],
            "when": {"argument": "/text", "matches": "^clerk"},
        },
        {"toolSets": ["trial"], "tools": ["add"]},
    ],
    "elsewhere": {"toolSets": ["trial"], "when": {"address": ["192.0.2.0/24"]}},
    "here": {"toolSets": ["trial"], "readOnly": True, "when": {"address": ["127.0.0.0/8"]}},
}
RULES = [
    {
        "name": "small numbers",
        "deny": {"toolSets": ["trial"], "tools": ["add"]},
        "when": {"not": {"argument": "/a", "atMost": 100}},
    },
    {
        "name": "not mallory",
        "deny": {"toolSets": ["*"]},
        "when": {"principal": "user", "equals": "mallory"},
    },
]


@pytest.fixture(scope="module")
def gateway():
    config = fixture_config(roles=ROLES, policy={"rules": RULES})
    gateway = Gateway(fixture_tools(), config=config).wait_ready()
    yield gateway
    gateway.close()


def refused(user, name: str, arguments: dict) -> str:
    result = user.call(name, arguments)
    assert result["isError"], f"{name} {arguments} was not refused"
    return text_of(result)


def test_a_list_shows_what_some_arguments_open(gateway):
    assert gateway.user("c1", "clerk").tool_names() == ["echo", "add"]
    assert gateway.user("e1", "elsewhere").tool_names() == []
    assert "echo" in gateway.user("h1", "here").tool_names()
    assert gateway.user("mallory", "mcp-admin").tool_names() == []


def test_a_call_is_decided_by_its_arguments(gateway):
    clerk = gateway.user("c2", "clerk")
    assert text_of(clerk.call("echo", {"text": "clerk's"})) == "clerk's"
    assert refused(clerk, "echo", {"text": "other"}).startswith("You may use this, but not")
    assert text_of(clerk.call("add", {"a": 100, "b": 1})) == "101"
    assert refused(clerk, "add", {"a": 101, "b": 1}).startswith("You may use this, but not")
    for hidden in ("wait", "vacuum"):
        with pytest.raises(RpcError) as error:
            clerk.call(hidden, {})
        assert error.value.code == -32602


def test_a_rule_denies_whoever_it_is_about(gateway):
    admin = gateway.user("a3", "mcp-admin")
    assert refused(admin, "add", {"a": 101, "b": 1}).startswith("You may use this, but not")
    with pytest.raises(RpcError):
        gateway.user("mallory", "mcp-admin").call("echo", {"text": "x"})


def test_an_argument_that_is_there_twice_is_no_way_around(gateway):
    """The decision looks at the first one, Python takes the last one."""
    clerk = gateway.user("c4", "clerk")
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "add", "arguments": {"a": 1, "b": 1}},
        }
    ).replace('"a": 1', '"a": 1, "a": 101')
    reply = clerk.post(body.encode())
    assert json.loads(reply.body)["result"]["isError"]
    assert b"twice" in reply.body


def test_the_record_says_which_rule_it_was_and_the_client_does_not_learn_it(gateway):
    admin = gateway.user("a5", "mcp-admin")
    before = len(gateway.records())
    assert "small numbers" not in refused(admin, "add", {"a": 1000, "b": 1})

    def denied():
        return [r for r in gateway.records()[before:] if r.get("decision") == "deny"]

    record = wait_until(denied, "the refusal is recorded")[0]
    assert (record["status"], record["reason"]) == ("denied", "rule small numbers")
    assert (record["tool"], record["tool_set"]) == ("add", "trial")


def explain(gateway, *words) -> tuple[int, dict]:
    done = gateway.mcpgate("explain", *words, "--output", "json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


CALLS = [
    ("echo", {"text": "clerk"}),
    ("echo", {"text": "x"}),
    ("add", {"a": 1, "b": 2}),
    ("add", {"a": 101, "b": 2}),
]


def test_explain_agrees_with_what_happens(gateway):
    roles = ["clerk", "mcp-admin", "here", "elsewhere"]
    for role, (tool, arguments) in itertools.product(roles, CALLS):
        user = gateway.user(f"x-{role}", role)
        words = ["--tool", tool, "--roles", role]
        visible = explain(gateway, *words)[0] == 0
        code, answer = explain(gateway, *words, "--arguments", json.dumps(arguments))
        case = (role, tool, arguments)
        assert (code == 0) == answer["allowed"], case
        assert (tool in user.tool_names()) == visible, case
        if visible:
            assert bool(user.call(tool, arguments).get("isError")) != answer["allowed"], case


def test_explain_says_what_stands_in_the_way(gateway):
    words = ["--tool", "add", "--user", "c", "--roles", "clerk"]
    done = gateway.mcpgate("explain", *words, "--arguments", '{"a": 101, "b": 1}')
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "denied: rule small numbers",
        "tool      add of tool set trial, which only reads",
        "caller    c",
        "rule      small numbers denies when not (argument /a is at most 100), which holds",
        'rule      not mallory denies when user equals "mallory", which does not hold',
        "role      clerk covers this tool",
        "opened by requiredRole mcp-tester, role clerk, role here, role mcp-admin",
    ]
    assert gateway.mcpgate("explain", *words, "--address", "nowhere").returncode == 2
    assert gateway.mcpgate("explain", *words, "--at", "noon").returncode == 2
    here = ["--tool", "echo", "--roles", "here"]
    assert gateway.mcpgate("explain", *here).returncode == 0
    assert gateway.mcpgate("explain", *here, "--address", "192.0.2.1").returncode == 1


def test_a_tool_that_no_sandbox_offers_is_named_in_the_log(start_gateway):
    rules = [{"name": "typo", "deny": {"toolSets": ["trial"], "tools": ["ecko"]}}]
    gateway = start_gateway(config=fixture_config(policy={"rules": rules}))
    wait_until(
        lambda: re.search(r"yaml:\d+:\d+: policy\.rules\[0\]: .* has no tool ecko", gateway.log),
        "the log names the rule and the tool",
    )
    assert "no tool echo" not in gateway.log
