"""The weaknesses of the earlier implementation, each attacked here the way it succeeded there
(research/earlier-implementation.md, part 2; the numbers are its own)."""

import json
import os

import pytest
from support import BIN
from support.gateway import fixture_config, run
from support.processes import wait_until
from support.rpc import RpcError

DEMO_TOKEN = "demo-token-12345"


def rows(gateway) -> dict[str, dict]:
    done = gateway.mcpgate("keys", "list", "--output", "json")
    assert done.returncode == 0, done.stderr
    return {row["id"]: row for row in json.loads(done.stdout)["keys"]}


def key_id(key: str) -> str:
    return key.split("_")[1]


def test_1_call_checks_roles_as_the_list_does(gateway):
    """There only the list was filtered: any caller called any tool by its name."""
    outsider = gateway.user("outsider@example.com", "mcp-nothing")
    assert outsider.tool_names() == []
    for name, arguments in (("echo", {"text": "x"}), ("vacuum", {"table": "t"}), ("raises", {})):
        with pytest.raises(RpcError) as refused:
            outsider.call(name, arguments)
        assert refused.value.code == -32602
    assert not [r for r in gateway.records() if r["type"] == "mcp_call_start"]


def test_4_no_built_in_credential_where_it_is_not_asked_for(start_gateway):
    """There a hard-coded admin token was the default of every installation."""
    gateway = start_gateway(config=fixture_config())
    for token in (DEMO_TOKEN, "demo", "", "admin"):
        assert gateway.client(token).request("tools/list").status == 401


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"])
def test_4_demo_token_is_for_loopback_only(tmp_path, listen):
    path = tmp_path / "mcpgate.yaml"
    auth = {"demoToken": {"insecureAllow": True}, "apiKeys": {"directory": "keys"}}
    path.write_text(json.dumps(fixture_config(listen=listen, auth=auth)))
    done = run([BIN / "mcpgate", "check", "--config", path], tmp_path)
    assert done.returncode == 2
    assert "demoToken" in done.stderr


def test_4_demo_token_is_named_when_it_is_on(gateway):
    """`mcpgate up` on loopback turns it on, and says so at each start."""
    assert gateway.client(DEMO_TOKEN).request("tools/list").status == 200
    assert "demo" in gateway.log.lower()


def test_5_several_roles_and_an_e_mail_address(gateway):
    """There user and roles were Kubernetes labels, which hold neither a comma nor an @."""
    user = gateway.user("alice+ops@example.com", "mcp-tester,mcp-dba")
    assert {"echo", "vacuum"} <= set(user.tool_names())
    row = rows(gateway)[key_id(user.key)]
    assert (row["user"], row["roles"]) == ("alice+ops@example.com", ["mcp-tester", "mcp-dba"])


def test_5_key_is_not_stored(gateway):
    """There it was kept in clear; here nothing below the state directory has it, or can be used as
    it."""
    key = gateway.create_key("stored@example.com", "mcp-tester")
    for folder, _, names in os.walk(gateway.state):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.path.getsize(path) < 10_000_000:
                with open(path, "rb") as file:
                    content = file.read()
                assert key.encode() not in content and key.split("_")[2].encode() not in content, (
                    path
                )
                if name.startswith(key_id(key)):
                    assert os.stat(path).st_mode & 0o077 == 0, path


def test_5_refused_creation_leaves_nothing_behind(gateway):
    """There a key was created first and labelled second: a failure left one without an owner."""
    before = set(rows(gateway))
    for user, roles in (("bad\nuser", "mcp-tester"), ("x", "bad role"), ("x" * 1000, "mcp-tester")):
        done = gateway.mcpgate("keys", "create", "--user", user, "--roles", roles)
        assert done.returncode == 2 and done.stdout == ""
    assert set(rows(gateway)) == before


BAD_FILES = {
    "aaaaaaaaaaaa.json": b"",
    "aaaaaaaaaaab.json": b"{not json",
    "aaaaaaaaaaac.json": b"\xff\xfe\x00",
    "aaaaaaaaaaad.json": b"[]",
    "aaaaaaaaaaae.json": b"{}",
    "aaaaaaaaaaaf.json": b'{"id":"aaaaaaaaaaaf","sha256":"zz","user":7,"roles":"x"}',
    "aaaaaaaaaaag.json": b"[" * 100_000,
    "aaaaaaaaaaah.json": b" " * 20_000_000,
    ".hidden": b"x",
    "README": b"not a key",
}


def test_6_bad_record_locks_nobody_else_out(start_gateway):
    """There one bad Secret ended the scan, and every key after it was refused. These stand before
    all others in any order by name."""
    gateway = start_gateway()
    early = gateway.user("early@example.com", "mcp-tester")
    keys = gateway.state / "keys"
    for name, content in BAD_FILES.items():
        (keys / name).write_bytes(content)
    (keys / "aaaaaaaaaaai.json").mkdir()
    (keys / "aaaaaaaaaaaj.json").symlink_to("/nonexistent")
    (keys / "aaaaaaaaaaak.json").symlink_to("/dev/zero")
    os.mkfifo(keys / "aaaaaaaaaaal.json")
    late = gateway.user("late@example.com", "mcp-tester")
    assert early.request("ping").status == 200
    assert {key_id(early.key), key_id(late.key)} <= set(rows(gateway))
    done = gateway.mcpgate("keys", "revoke", key_id(early.key))
    assert done.returncode == 0, done.stderr
    wait_until(lambda: early.request("ping").status == 401, "the revocation counts")
    wait_until(lambda: "aaaaaaaaaaab" in gateway.log, "the log names the bad file")


def test_6_key_without_expiry_is_valid(gateway):
    """There a missing expiry meant `expired`."""
    user = gateway.user("forever@example.com", "mcp-tester")
    assert rows(gateway)[key_id(user.key)]["expires"] is None


def rotate(gateway, key: str, *flags: str):
    done = gateway.mcpgate("keys", "rotate", key_id(key), *flags)
    if done.stdout:
        gateway.secrets.append(done.stdout.strip())
    return done


def test_7_rotation_of_an_expiring_key_gives_no_endless_one(gateway):
    """There a key with less than a day left was replaced by one without expiry."""
    key = gateway.create_key("expiring@example.com", "mcp-tester", "--expires", "1h")
    done = rotate(gateway, key)
    if done.returncode == 0:
        assert rows(gateway)[key_id(done.stdout.strip())]["expires"] is not None
    else:
        assert done.returncode == 1


def test_7_rotation_of_an_expired_or_revoked_key_gives_none(gateway):
    key = gateway.create_key("expired@example.com", "mcp-tester", "--expires", "1s")
    wait_until(lambda: rows(gateway)[key_id(key)]["state"] == "expired", "it expired")
    revoked = gateway.create_key("revoked@example.com", "mcp-tester")
    assert gateway.mcpgate("keys", "revoke", key_id(revoked)).returncode == 0
    for dead in (key, revoked):
        before = set(rows(gateway))
        done = rotate(gateway, dead)
        assert done.returncode == 1 and done.stdout == ""
        assert set(rows(gateway)) == before


def test_7_old_and_new_overlap_and_then_the_old_one_ends(gateway):
    """There the old key ended at once, so that a rotation was an outage."""
    key = gateway.create_key("overlap@example.com", "mcp-tester")
    new = rotate(gateway, key, "--overlap", "10s").stdout.strip()
    wait_until(lambda: gateway.answers(new, 200), "the new key is known")
    assert gateway.client(key).request("ping").status == 200
    wait_until(lambda: gateway.answers(key, 401), "the overlap ends")
    assert gateway.client(new).request("ping").status == 200


@pytest.mark.parametrize(
    "words", [("rotate", "mcpk_x_y"), ("revoke", "mcpk_aaaaaaaaaaaa_" + "A" * 51)]
)
def test_7_key_is_no_argument(gateway, words):
    """There the key itself stood on the command line, for all to see; here its id does."""
    done = gateway.mcpgate("keys", *words)
    assert done.returncode == 2
    assert words[1] not in done.stderr + done.stdout


TIMEIT = {
    "tool": "timeit",
    "arguments": {"stmt": "__import__('os').system('touch {}')", "number": 1},
}


def test_14_execute_without_a_signature_runs_nothing(gateway, tmp_path):
    """There this very body ran a shell at the sandbox, with no gateway involved."""
    mark = tmp_path / "mark"
    sandbox = gateway.sandbox_socket("trial")
    body = json.dumps(TIMEIT).replace("{}", str(mark)).encode()
    assert sandbox.send("POST", "/execute", {"Content-Type": "application/json"}, body)[0] == 401
    assert not mark.exists()


@pytest.mark.parametrize(
    "tool", ["timeit", "os", "subprocess", "../trial/behaving", "behaving.time", "echo.__globals__"]
)
def test_14_even_a_signed_execute_names_declared_tools_only(gateway, tmp_path, tool):
    """There any importable module was a tool."""
    mark = tmp_path / "mark"
    sandbox = gateway.sandbox_socket("trial")
    arguments = {"stmt": f"__import__('os').system('touch {mark}')", "number": 1}
    status, body = sandbox.execute(tool, arguments)
    assert status in (400, 404), body
    assert not mark.exists()
