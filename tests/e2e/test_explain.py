"""`mcpgate explain` says what the gateway then does, and why."""

import itertools
import json

import pytest
from support.gateway import Gateway, fixture_config, fixture_tools, run
from support.issuer import Issuer

ROLES = {
    "mcp-admin": {"toolSets": ["*"]},
    "mcp-viewer": {"toolSets": ["trial"], "readOnly": True},
    "mcp-nothing": {"toolSets": []},
}


@pytest.fixture(scope="module")
def issuer(certificates):
    issuer = Issuer(certificates)
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def gateway(issuer, certificates):
    oidc = [{"issuer": issuer.url, "audience": "mcp", "ca": str(certificates.ca)}]
    config = fixture_config(auth={"apiKeys": {"directory": "keys"}, "oidc": oidc}, roles=ROLES)
    gateway = Gateway(fixture_tools(), config=config).wait_ready()
    yield gateway
    gateway.close()


def explain(gateway, *words) -> tuple[int, dict]:
    done = gateway.mcpgate("explain", *words, "--output", "json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_it_agrees_with_what_is_listed_for_every_combination(gateway):
    held = ["mcp-admin", "mcp-viewer", "mcp-tester", "mcp-dba", "mcp-nothing", "unknown"]
    combinations = [[], *([role] for role in held), ["mcp-viewer", "mcp-dba"]]
    tools = ["echo", "raises", "vacuum"]
    for roles, tool in itertools.product(combinations, tools):
        code, answer = explain(gateway, "--tool", tool, "--roles", ",".join(roles))
        assert code == (0 if answer["allowed"] else 1)
        assert any(role["opens"] for role in answer["roles"]) == answer["allowed"]
        if roles:
            listed = gateway.user(f"of-{'-'.join(roles)}", ",".join(roles)).tool_names()
            assert (tool in listed) == answer["allowed"], (roles, tool)


def test_it_says_why(gateway):
    done = gateway.mcpgate("explain", "--tool", "vacuum", "--user", "victor", "--roles", "mcp-viewer")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "denied: no grant",
        "tool      vacuum of tool set dba, which may write",
        "caller    victor",
        "role      mcp-viewer does not cover this tool set",
        "opened by requiredRole mcp-dba, role mcp-admin",
    ]


def test_whose_credential_it_is_is_found_out_as_the_gateway_does(gateway, issuer):
    key = gateway.create_key("kay", "mcp-dba")
    code, answer = explain(gateway, "--tool", "vacuum", "--token-file", gateway.key_file(key))
    assert (code, answer["user"], answer["rule"]) == (0, "kay", "requiredRole mcp-dba")
    token = issuer.token("mcp-viewer", user="victor")
    gateway.secrets.append(token)
    code, answer = explain(gateway, "--tool", "echo", "--token-file", gateway.key_file(token))
    assert (code, answer["user"], answer["rule"]) == (0, "victor", "role mcp-viewer")
    bad = issuer.token("mcp-admin", aud="somebody-else")
    done = gateway.mcpgate("explain", "--tool", "echo", "--token-file", gateway.key_file(bad))
    assert done.returncode == 1
    assert done.stderr.endswith("mcpgate: this credential is refused: wrong_audience\n")


def test_arguments_are_checked_too(gateway):
    words = ["--tool", "echo", "--roles", "mcp-admin", "--arguments"]
    assert explain(gateway, *words, '{"text": "x"}')[0] == 0
    code, answer = explain(gateway, *words, '{"text": 7}')
    assert (code, answer["allowed"]) == (1, True)
    assert "text" in answer["argumentsProblem"]
    assert gateway.mcpgate("explain", *words, "[]").returncode == 2


def test_wrong_usage_and_unknown_tools(gateway):
    missing = gateway.mcpgate("explain", "--tool", "nonesuch", "--roles", "mcp-admin")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "no tool set that answers has a tool of this name" in missing.stderr
    for words in (
        ["--tool", "echo"],
        ["--tool", "echo", "--roles", "a", "--token-file", "x"],
        ["--roles", "a"],
    ):
        assert gateway.mcpgate("explain", *words).returncode == 2, words


def test_a_sandbox_that_is_away_is_named(gateway):
    with_other = json.loads(gateway.config_path.read_text())
    with_other["toolSets"]["away"] = dict(with_other["toolSets"]["dba"], sandbox="unix:run/away.sock")
    other = gateway.state / "other.yaml"
    other.write_text(json.dumps(with_other))
    argv = [gateway.process.argv[0], "explain", "--tool", "x", "--roles", "a", "--config", other]
    done = run(argv, gateway.state)
    assert done.returncode == 1
    assert "these do not answer, and may have it: away" in done.stderr
