"""`mcpgate policy diff`: who gains and who loses which tool."""

import json

import pytest
from support import BIN
from support.gateway import Gateway, fixture_config, fixture_tools, run

ROLES = {"mcp-admin": {"toolSets": ["*"]}, "clerk": {"toolSets": ["trial"], "tools": ["echo"]}}


@pytest.fixture(scope="module")
def gateway():
    gateway = Gateway(fixture_tools(), config=fixture_config(roles=ROLES)).wait_ready()
    yield gateway
    gateway.close()


def policy_diff(gateway, *words):
    return run([BIN / "mcpgate", "policy", "diff", *words], gateway.state)


def diff(gateway, *words, **changes):
    """Of the configuration in force with one that has these changes."""
    changed = json.loads(gateway.config_path.read_text()) | changes
    new = gateway.state / "new.yaml"
    new.write_text(json.dumps(changed))
    return policy_diff(gateway, gateway.config_path, new, *words)


def test_no_difference_is_exit_0(gateway):
    done = diff(gateway)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_names_who_gains_and_who_loses(gateway):
    when = {"argument": "/text", "equals": "x"}
    roles = ROLES | {
        "clerk": [
            {"toolSets": ["trial"], "tools": ["echo"], "when": when},
            {"toolSets": ["dba"]},
        ]
    }
    rules = [{"name": "n", "deny": {"toolSets": ["trial"], "tools": ["add"]}}]
    done = diff(gateway, roles=roles, policy={"rules": rules})
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "clerk gains dba/vacuum, which may write: no -> yes",
        'clerk changes trial/echo, which only reads: yes -> when argument /text equals "x"',
        "mcp-admin loses trial/add, which only reads: yes -> no",
        "mcp-tester loses trial/add, which only reads: yes -> no",
    ]
    found = json.loads(diff(gateway, "--output", "json", roles=roles).stdout)["differences"]
    assert [(one["role"], one["kind"], one["tool"]) for one in found] == [
        ("clerk", "gains", "vacuum"),
        ("clerk", "changes", "echo"),
    ]


def test_sets_that_do_not_answer_are_compared_by_the_names_in_the_files(gateway):
    sets = json.loads(gateway.config_path.read_text())["toolSets"]
    away = {name: dict(one, sandbox="unix:run/away.sock") for name, one in sets.items()}
    old = gateway.state / "old.yaml"
    old.write_text(json.dumps(json.loads(gateway.config_path.read_text()) | {"toolSets": away}))
    new = gateway.state / "away.yaml"
    roles = ROLES | {"clerk": {"toolSets": ["trial"], "tools": ["echo", "add"]}}
    new.write_text(json.dumps(json.loads(old.read_text()) | {"roles": roles}))
    done = policy_diff(gateway, old, new)
    assert done.returncode == 1
    assert "these do not answer" in done.stderr
    assert "clerk gains trial/add, which may write: no -> yes" in done.stdout.splitlines()
    assert "trial/echo" not in done.stdout


def test_a_wrong_file_is_exit_2(gateway):
    bad = gateway.state / "bad.yaml"
    bad.write_text("listn: x\n")
    done = policy_diff(gateway, gateway.config_path, bad)
    assert done.returncode == 2
    assert "did you mean listen?" in done.stderr
    assert policy_diff(gateway, gateway.config_path).returncode == 2
