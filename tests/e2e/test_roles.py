"""Visible ⇔ callable: what a role does not open is not there, on any surface."""

import itertools
import json

import pytest
from support.gateway import Gateway, fixture_config, fixture_tools
from support.processes import wait_until
from support.rpc import RpcError, text_of

READ_ONLY = {"echo", "add", "wait", "take_time", "count"}
ROLES = {
    "mcp-admin": {"toolSets": ["*"]},
    "mcp-viewer": {"toolSets": ["trial"], "readOnly": True},
    "mcp-nothing": {"toolSets": []},
}


@pytest.fixture(scope="module")
def configured():
    gateway = Gateway(fixture_tools(), config=fixture_config(roles=ROLES)).wait_ready()
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def users(configured):
    roles = [
        "mcp-admin",
        "mcp-viewer",
        "mcp-tester",
        "mcp-dba",
        "mcp-nothing",
        "mcp-viewer,mcp-dba",
    ]
    return {role: configured.user(f"{role.split(',')[0]}@example.com", role) for role in roles}


@pytest.fixture(scope="module")
def everything(users):
    return users["mcp-admin"].tool_names()


def allowed(everything, role: str) -> set[str]:
    names = set(everything)
    trial = names - {"vacuum"}
    return {
        "mcp-admin": names,
        "mcp-viewer": READ_ONLY,
        "mcp-tester": trial,
        "mcp-dba": {"vacuum"},
        "mcp-nothing": set(),
        "mcp-viewer,mcp-dba": READ_ONLY | {"vacuum"},
    }[role]


def test_list_is_what_the_roles_open(users, everything):
    assert {"echo", "raises", "vacuum"} <= set(everything)
    for role, user in users.items():
        assert set(user.tool_names()) == allowed(everything, role), role


def test_order_is_tool_sets_as_configured_then_tools_as_declared(users, everything):
    assert everything.index("echo") < everything.index("add") < everything.index("wait")
    assert everything[-1] == "vacuum", "the set `dba` is configured last"
    assert users["mcp-admin"].tool_names() == everything, "and the same each time"


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
def test_hidden_tool_answers_like_one_that_does_not_exist(configured, users, everything, modern):
    """Byte for byte, status and headers too, but for the name that is echoed and what counts up."""
    for role, user in users.items():
        hidden = set(everything) - allowed(everything, role)
        if not hidden:
            continue
        client = configured.client(user.key, modern=modern)
        unknown_name = "nonesuch"
        expected = answer(client, unknown_name)
        for name in sorted(hidden)[:4]:
            assert answer(client, name) == expected, f"{role} can tell {name} from {unknown_name}"


def answer(client, name: str):
    # A bad argument too: a hidden tool's schema must not show through either.
    reply = client.request("tools/call", {"name": name, "arguments": {"text": 7}})
    headers = {k: v for k, v in reply.headers.items() if k not in ("date", "x-request-id")}
    message = json.loads(reply.body.replace(name.encode(), b"NAME"))
    assert message["error"]["code"] == -32602
    message["id"] = 0
    headers["content-length"] = (
        int(headers["content-length"])
        - reply.body.count(name.encode()) * len(name)
        - len(str(reply.message["id"]))
    )
    return reply.status, headers, message


def test_audit_tells_hidden_from_unknown(configured, users):
    before = len(configured.records())
    for name in ("vacuum", "nonesuch"):
        with pytest.raises(RpcError):
            users["mcp-tester"].call(name, {"table": "t"})

    def both():
        new = [r for r in configured.records()[before:] if r["type"] == "mcp_request"]
        return {record["tool"]: record for record in new} if len(new) == 2 else None

    records = wait_until(both, "both refusals are recorded")
    hidden, unknown = records["vacuum"], records["nonesuch"]
    assert hidden["status"] == "denied" and hidden["decision"] == "deny"
    assert hidden["tool_set"] == "dba"
    assert "tool_set" not in unknown
    assert unknown["status"] == "invalid"
    assert hidden["user"] == unknown["user"] == "mcp-tester@example.com"


def test_every_listed_tool_may_be_called_and_no_other(users, everything):
    """Called with arguments that its schema refuses, so that none runs: whoever may call it is told
    of the argument, whoever may not is told nothing."""
    for (role, user), name in itertools.product(users.items(), everything):
        message = user.request(
            "tools/call", {"name": name, "arguments": {"no such argument": 1}}
        ).message
        if name == "delegate" and name in allowed(everything, role):
            assert message["error"]["code"] == -32601, "it is for clients that know tasks"
        elif name in allowed(everything, role):
            assert message["result"]["isError"], f"{role} may call {name}"
        else:
            assert message["error"]["code"] == -32602, f"{role} may not call {name}"


def test_viewer_reads(users):
    assert text_of(users["mcp-viewer"].call("echo", {"text": "seen"})) == "seen"


def test_tools_of_a_configured_subset_only(start_gateway):
    config = fixture_config()
    config["toolSets"]["trial"]["tools"] = ["echo", "add"]
    gateway = start_gateway(config=config)
    admin = gateway.user("admin@example.com", "mcp-admin")
    assert admin.tool_names() == ["echo", "add", "vacuum"]
    with pytest.raises(RpcError) as refused:
        admin.call("wait", {"seconds": 0})
    assert refused.value.code == -32602
