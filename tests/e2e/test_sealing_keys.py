"""What clients carry for the gateway is sealed with keys that replicas share and that are replaced
while they serve."""

import base64
import secrets

from support.gateway import fixture_config, fixture_tools
from support.processes import on_all_loops, wait_until

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "mcpgate-e2e", "version": "1"},
}


def write_key(path):
    path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode() + "\n")
    path.chmod(0o600)
    return {"file": str(path)}


def open_session(client) -> str:
    return client.request("initialize", INITIALIZE).headers["mcp-session-id"]


def knows(client, session: str) -> bool:
    reply = client.request("tools/list", headers={"Mcp-Session-Id": session})
    assert reply.status in (200, 404)
    return reply.status == 200


def test_a_session_of_one_replica_is_known_at_another(start_gateway, tmp_path):
    key = write_key(tmp_path / "sealing.key")
    one, two = (start_gateway(config=fixture_config(sealingKeys=[key])) for _ in range(2))
    stranger = start_gateway(fixture_tools(), config=fixture_config())
    ada_at = [each.user("ada@example.com", "mcp-tester") for each in (one, two, stranger)]
    session = open_session(ada_at[0])
    assert [knows(client, session) for client in ada_at] == [True, True, False]
    assert not knows(two.user("bob@example.com", "mcp-tester"), session)


def test_a_key_is_replaced_while_sessions_go_on(start_gateway, tmp_path):
    old, new = write_key(tmp_path / "old.key"), write_key(tmp_path / "new.key")
    gateway = start_gateway(config=fixture_config(sealingKeys=old))
    ada = gateway.user("ada@example.com", "mcp-tester")
    before = open_session(ada)
    gateway.write_config(fixture_config(sealingKeys=[new, old]))
    # The id of the sealing key is its first part.
    wait_until(
        lambda: on_all_loops(lambda: open_session(ada)[:5] != before[:5]),
        "the new key seals",
    )
    after = open_session(ada)
    assert knows(ada, before) and knows(ada, after)
    gateway.write_config(fixture_config(sealingKeys=[new]))
    wait_until(
        lambda: on_all_loops(lambda: not knows(ada, before)),
        "the old key is gone",
    )
    assert knows(ada, after)


def test_a_bad_sealing_key_keeps_the_old_one_in_force(start_gateway, tmp_path):
    good = write_key(tmp_path / "good.key")
    gateway = start_gateway(config=fixture_config(sealingKeys=[good]))
    ada = gateway.user("ada@example.com", "mcp-tester")
    session = open_session(ada)
    (tmp_path / "bad.key").write_text("not a key\n")
    gateway.write_config(fixture_config(sealingKeys=[{"file": str(tmp_path / "bad.key")}]))
    wait_until(
        lambda: "bad.key" in gateway.log and "not a key" not in gateway.log,
        "the log names the file, not its bytes",
    )
    assert on_all_loops(lambda: knows(ada, session))
