"""Pins: what of a tool set differs from what was approved is withheld until it is approved."""

import json

import pytest
from support.gateway import fixture_config, tool_set
from support.processes import on_all_loops, wait_until
from support.rpc import RpcError, text_of

ECHO = '''from mcpgate import tool


@tool(read_only=READ_ONLY)
def parrot(text: KIND) -> str:
    """DESCRIPTION"""
    return "CODE"
'''
FIRST = {"READ_ONLY": "True", "KIND": "str", "DESCRIPTION": "Repeats its text.", "CODE": "one"}


def write_tool(folder, **changes):
    body = ECHO
    for word, text in (FIRST | changes).items():
        body = body.replace(word, text)
    draft = folder / ".parrot.draft"
    draft.write_text(body)
    draft.rename(folder / "parrot.py")


@pytest.fixture
def pinned(start_gateway, editable_tools):
    """A gateway with pins of `trial`, all of it approved, and the set's folder."""
    write_tool(editable_tools / "trial")
    trial = tool_set("trial", "mcp-tester", pins="pins/trial.yaml")
    config = fixture_config(toolSets={"trial": trial, "dba": tool_set("dba", "mcp-dba")})
    gateway = start_gateway(editable_tools, config=config)
    gateway.tester = gateway.user("tester@example.com", "mcp-tester")
    gateway.pins = gateway.state / "pins" / "trial.yaml"
    assert gateway.tester.tools() == [], "nothing is approved yet"
    approve(gateway)
    wait_listed(gateway)
    return gateway, editable_tools / "trial"


def approve(gateway, *names):
    done = gateway.mcpgate("tools", "pin", *names)
    assert done.returncode == 0, done.stderr
    return done


def diff(gateway):
    """Exit code, and the kinds of change by name."""
    done = gateway.mcpgate("tools", "diff", "--output", "json")
    found = json.loads(done.stdout)["differences"]
    return done.returncode, {one["name"]: one["changes"] for one in found}


def is_listed(gateway) -> bool:
    return "parrot" in gateway.tester.tool_names()


def wait_listed(gateway):
    wait_until(lambda: on_all_loops(lambda: is_listed(gateway)), "the tool is listed")


def wait_withheld(gateway):
    wait_until(lambda: on_all_loops(lambda: not is_listed(gateway)), "the tool is withheld")


def admin_records(gateway, method: str) -> list[dict]:
    return [
        record
        for record in gateway.records()
        if record["type"] == "mcp_admin"
        and (record["method"], record["tool"]) == (method, "parrot")
    ]


def unapproved(gateway) -> int:
    label = 'mcpgate_unapproved_tools{tool_set="trial"} '
    lines = gateway.admin("/metrics")[1].splitlines()
    return next(int(line.removeprefix(label)) for line in lines if line.startswith(label))


CHANGES = [
    ({"DESCRIPTION": "Repeats its text, and sends it elsewhere."}, ["wording", "code"]),
    ({"KIND": "int"}, ["schema", "code"]),
    ({"READ_ONLY": "False"}, ["power", "code"]),
    ({"CODE": "two"}, ["code"]),
]


@pytest.mark.parametrize("change,kinds", CHANGES, ids=[kinds[0] for _, kinds in CHANGES])
def test_a_changed_tool_is_withheld_until_it_is_approved(pinned, change, kinds):
    gateway, folder = pinned
    process = gateway.process.pid
    assert diff(gateway) == (0, {})
    assert unapproved(gateway) == 0
    write_tool(folder, **change)
    wait_withheld(gateway)
    code, found = diff(gateway)
    assert (code, found["parrot"]) == (1, kinds)
    assert unapproved(gateway) == len(found)
    with pytest.raises(RpcError) as refused:
        gateway.tester.call("parrot", {"text": "x"})
    with pytest.raises(RpcError) as unknown:
        gateway.tester.call("parrots", {"text": "x"})
    assert refused.value.code == unknown.value.code
    assert refused.value.message == unknown.value.message.replace("parrots", "parrot")
    reason = "tool is not as approved: " + ", ".join(kinds)
    withheld = [r for r in admin_records(gateway, "pins/withhold") if r["reason"] == reason]
    assert [r["status"] for r in withheld] == ["denied"]
    assert withheld[0]["tool_set"] == "trial"
    assert f"parrot is withheld: the {reason}" in gateway.log
    explained = gateway.mcpgate("explain", "--tool", "parrot", "--roles", "mcp-tester")
    assert explained.returncode == 1
    assert "parrot is withheld" in explained.stderr

    approve(gateway)
    wait_listed(gateway)
    assert diff(gateway) == (0, {})
    served = admin_records(gateway, "pins/serve")[-1]
    assert (served["status"], served["tool_sha256"]) == ("success", withheld[0]["tool_sha256"])
    argument = 1 if change.get("KIND") == "int" else "x"
    said = text_of(gateway.tester.call("parrot", {"text": argument}))
    assert said == change.get("CODE", "one")
    assert gateway.process.pid == process


def test_what_is_not_pinned_is_withheld_on_every_surface(pinned):
    gateway, folder = pinned
    tester = gateway.tester
    assert tester.request("resources/list").result["resources"]
    assert tester.request("prompts/list").result["prompts"]
    whole = gateway.pins.read_text()
    gateway.pins.write_text(whole[: whole.index("resources:\n")])
    wait_until(
        lambda: on_all_loops(lambda: tester.request("resources/list").result["resources"] == []),
        "resources are withheld",
    )
    assert tester.request("prompts/list").result["prompts"] == []
    assert is_listed(gateway)
    gateway.pins.unlink()
    wait_withheld(gateway)
    assert tester.tools() == []


def test_only_what_is_named_is_approved(pinned):
    gateway, folder = pinned
    write_tool(folder, CODE="two")
    wait_withheld(gateway)
    _, found = diff(gateway)
    assert len(found) > 1, "the digest of a tool covers all files of its set"
    assert gateway.mcpgate("tools", "pin", "parrots").returncode == 1
    assert diff(gateway)[1] == found
    said = approve(gateway, "parrot").stdout
    assert said == "trial tool parrot: code\n"
    wait_listed(gateway)
    assert gateway.tester.tool_names() == ["parrot"]


def test_a_wrong_file_keeps_the_pins_in_force_and_refuses_a_start(pinned, start_gateway):
    gateway, _ = pinned
    names = gateway.tester.tool_names()
    right = gateway.pins.read_text()
    gateway.pins.write_text(right + "tols: []\n")
    line = right.count("\n") + 1
    problem = f"{gateway.pins}:{line}:1: tols: unknown key; did you mean tools?"
    wait_until(lambda: problem in gateway.log, "the slip is told")
    assert on_all_loops(lambda: gateway.tester.tool_names() == names)
    for words in (["check"], ["tools", "pin"], ["tools", "diff"]):
        done = gateway.mcpgate(*words)
        assert (done.returncode, problem in done.stderr) == (2, True), words
    assert gateway.pins.read_text() == right + "tols: []\n"
    serve = gateway.mcpgate("serve")
    assert serve.returncode == 2
    assert problem in serve.stderr
    gateway.pins.write_text(right)
    assert gateway.mcpgate("check").returncode == 0


def test_without_pins_there_is_nothing_to_approve(start_gateway, editable_tools):
    gateway = start_gateway(editable_tools, config=fixture_config())
    for words in (["tools", "pin"], ["tools", "diff"]):
        done = gateway.mcpgate(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no tool set of the configuration has `pins: FILE`" in done.stderr
