"""The life of an API key, seen by a running gateway: each change counts without a restart."""

import datetime
import json
import re
import subprocess
import time
import zlib

import pytest
from support import ROOT
from support.processes import wait_until

KEY = re.compile(r"mcpk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}[0-9a-f]{8}\Z")


def key_id(key: str) -> str:
    return key.split("_")[1]


def status(gateway, key) -> int:
    return gateway.client(key).request("ping").status


def becomes(gateway, key, expected: int):
    wait_until(lambda: gateway.answers(key, expected), f"the key answers {expected}")


def row(gateway, identity: str) -> dict:
    done = gateway.mcpgate("keys", "list", "--output", "json")
    assert done.returncode == 0, done.stderr
    return next(row for row in json.loads(done.stdout)["keys"] if row["id"] == identity)


def test_created_key_works(gateway):
    key = gateway.create_key("new@example.com", "mcp-tester")
    assert KEY.match(key)
    becomes(gateway, key, 200)


def test_revoked_key_is_refused(gateway):
    key = gateway.create_key("gone@example.com", "mcp-tester")
    becomes(gateway, key, 200)
    done = gateway.mcpgate("keys", "revoke", key_id(key))
    assert done.returncode == 0, done.stderr
    becomes(gateway, key, 401)
    assert row(gateway, key_id(key))["state"] == "revoked"


def test_rotated_key_and_its_successor_overlap(gateway):
    old = gateway.create_key("rotating@example.com", "mcp-tester")
    becomes(gateway, old, 200)
    done = gateway.mcpgate("keys", "rotate", key_id(old), "--overlap", "24h")
    assert done.returncode == 0, done.stderr
    new = done.stdout.strip()
    gateway.secrets.append(new)
    assert KEY.match(new) and new != old
    becomes(gateway, new, 200)
    assert status(gateway, old) == 200, "both work while they overlap"
    assert row(gateway, key_id(new))["user"] == "rotating@example.com"
    assert row(gateway, key_id(new))["roles"] == ["mcp-tester"]


def test_rotation_without_overlap_ends_the_old_key(gateway):
    old = gateway.create_key("at-once@example.com", "mcp-tester")
    becomes(gateway, old, 200)
    done = gateway.mcpgate("keys", "rotate", key_id(old), "--overlap", "0s")
    assert done.returncode == 0, done.stderr
    gateway.secrets.append(done.stdout.strip())
    becomes(gateway, done.stdout.strip(), 200)
    becomes(gateway, old, 401)


def test_key_expires_by_itself(gateway):
    key = gateway.create_key("brief@example.com", "mcp-tester", "--expires", "10s")
    becomes(gateway, key, 200)
    becomes(gateway, key, 401)
    assert row(gateway, key_id(key))["state"] == "expired"


def key_from(gateway, seconds: float) -> str:
    """A key that is valid from then on."""
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return gateway.create_key("later@example.com", "mcp-tester", "--not-before", start)


def why_refused(gateway, key: str) -> str:
    reply = gateway.client(key).request("ping")
    assert reply.status == 401
    return gateway.record_of(reply)["reason"]


def test_key_is_not_valid_before_its_time(gateway):
    key = key_from(gateway, 3600)
    assert row(gateway, key_id(key))["state"] == "not-yet-valid"
    wait_until(lambda: why_refused(gateway, key) == "not_yet_valid", "the key is known")
    becomes(gateway, key_from(gateway, 3), 200)


def last_used(gateway) -> dict[str, int]:
    """By key id, as the metric says."""
    found = re.findall(
        r'^mcpgate_api_key_last_used_timestamp_seconds\{key_id="([a-z2-7]{12})"\} (\d+)$',
        gateway.admin("/metrics")[1],
        re.M,
    )
    assert len(dict(found)) == len(found)
    return {identity: int(seconds) for identity, seconds in found}


def last_used_by_the_audit(gateway) -> dict[str, list[str]]:
    """By key id, as the query of docs/reference/api-keys.md says: when, and whose it is."""
    page = (ROOT / "docs" / "reference" / "api-keys.md").read_text()
    query = re.search(r"^```sh\n(python3 - var/audit.*?\nLAST\n)```", page, re.S | re.M)[1]
    query = query.replace("var/audit", str(gateway.state / "audit"))
    done = subprocess.run(["sh", "-c", query], capture_output=True, text=True, timeout=60, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    moments = [line[0] for line in lines]
    assert moments == sorted(moments), "the longest ago first"
    return {identity: [when, user] for when, identity, user in lines}


def test_last_use_is_a_metric_and_a_query_of_the_audit(gateway):
    used, unused = (gateway.create_key(f"{name}@example.com", "mcp-tester") for name in ("used", "un"))
    forged = gateway.create_key("forged@example.com", "mcp-tester")
    becomes(gateway, used, 200)
    wrong = f"mcpk_{key_id(forged)}_{'x' * 43}"
    refused = gateway.client(f"{wrong}{zlib.crc32(wrong.encode()):08x}").request("ping")
    assert refused.status == 401
    assert gateway.record_of(refused)["key_id"] == key_id(forged), "it is recorded, as refused"
    before = int(time.time()) - 1  # The gateway's clock may lag by a tick.
    assert status(gateway, used) == 200
    assert before <= last_used(gateway)[key_id(used)] <= time.time()
    by_audit = last_used_by_the_audit(gateway)
    when, user = by_audit[key_id(used)]
    assert user == "used@example.com"
    recorded = datetime.datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp()
    assert before <= recorded <= time.time()
    for other in (unused, forged):
        assert key_id(other) not in last_used(gateway)
        assert key_id(other) not in by_audit
    # Another table of keys forgets nothing but keys that are gone.
    seen = last_used(gateway)[key_id(used)]
    becomes(gateway, gateway.create_key("later@example.com", "mcp-tester"), 200)
    assert last_used(gateway)[key_id(used)] == seen
    (gateway.state / "keys" / f"{key_id(used)}.json").unlink()
    wait_until(lambda: key_id(used) not in last_used(gateway), "the key is forgotten")


def test_list_shows_what_is_promised_and_no_secret(gateway):
    key = gateway.create_key("listed@example.com", "mcp-tester,mcp-dba", "--note", "for the list")
    listed = row(gateway, key_id(key))
    assert {"id", "user", "roles", "created", "expires", "state"} <= set(listed)
    assert listed["user"] == "listed@example.com"
    assert listed["roles"] == ["mcp-tester", "mcp-dba"]
    assert listed["state"] == "active"
    for words in (("keys", "list"), ("keys", "list", "--output", "json")):
        assert key.split("_")[-1][:20] not in gateway.mcpgate(*words).stdout


def test_unknown_role_is_a_warning_not_a_refusal(gateway):
    done = gateway.mcpgate("keys", "create", "--user", "typo@example.com", "--roles", "mcp-testre")
    assert done.returncode == 0
    gateway.secrets.append(done.stdout.strip())
    assert "mcp-testre" in done.stderr


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_unknown_id_is_the_answer_no(gateway, verb):
    done = gateway.mcpgate("keys", verb, "aaaaaaaaaaaa")
    assert done.returncode == 1
    assert "aaaaaaaaaaaa" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--user", "x"),
        ("create", "--roles", "mcp-tester"),
        ("create", "--user", "x", "--roles", "a", "--expires", "soon"),
        ("create", "--user", "", "--roles", "a"),
        ("revoke",),
        ("revoke", "../../etc/passwd"),
        ("destroy",),
    ],
    ids=" ".join,
)
def test_wrong_usage(gateway, words):
    done = gateway.mcpgate("keys", *words)
    assert done.returncode == 2
    assert done.stderr and done.stdout == ""


def altered(key: str) -> dict[str, str]:
    """Keys that look like `key` and are none."""
    head, identity, secret = key.split("_", 2)
    other = "A" if secret[0] != "A" else "B"
    return {
        "another secret": f"{head}_{identity}_{other}{secret[1:]}",
        "another id": f"{head}_{'a' * 12}_{secret}",
        "cut": key[:-1],
        "longer": key + "0",
        "no checksum": key[:-8],
        "upper case": key.upper(),
        "only the id": f"{head}_{identity}",
        "blank inside": key[:20] + " " + key[20:],
        "quoted": f'"{key}"',
        "huge": "mcpk_" + "a" * 20_000,
        "other bytes": key[:-1] + "\xff",
        "empty": "",
    }


def test_malformed_keys_are_all_refused_alike(gateway, tester):
    answers = set()
    for name, wrong in altered(tester.key).items():
        reply = tester.post(
            b'{"jsonrpc":"2.0","id":1,"method":"ping"}', {"Authorization": f"Bearer {wrong}"}
        )
        assert reply.status == 401, name
        assert "resource_metadata=" in reply.headers["www-authenticate"], name
        if wrong:
            answers.add((reply.headers["www-authenticate"], reply.body))
    assert len(answers) == 1, "the answer tells a wrong key from a wrong id"


def test_challenge_leads_to_the_metadata(gateway):
    """RFC 9728, 5.1: who sends no credential learns where to read on."""
    reply = gateway.client(None).request("ping")
    assert reply.status == 401
    challenge = reply.headers["www-authenticate"]
    assert challenge.startswith("Bearer ") and "error=" not in challenge
    url = re.search(r'resource_metadata="([^"]+)"', challenge).group(1)
    document = gateway.client(None).send("GET", url.split(f":{gateway.port}")[1], {})
    assert document.status == 200
    assert json.loads(document.body)["resource"].rstrip("/") == gateway.url


@pytest.mark.parametrize(
    "query", ["?access_token={}", "?key={}", "?{}", "?x=1&api_key={}", "?token=%6d{}"]
)
def test_key_in_the_url_is_never_taken(gateway, tester, query):
    """Neither alone nor beside a right header; and the log and audit checks of this module's end
    find no trace of it."""
    target = "/mcp" + query.format(tester.key if "%6d" not in query else tester.key[1:])
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    assert gateway.client(None).post(body, path=target).status in (400, 401)
    assert tester.post(body, path=target).status == 400


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Negotiate", "Bearer Bearer", ""])
def test_other_schemes_are_refused(tester, scheme):
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    reply = tester.post(body, {"Authorization": f"{scheme} {tester.key}".strip()})
    assert reply.status == 401


def test_unauthenticated_bodies_are_not_parsed(gateway):
    assert gateway.client(None).post(b"{not json").status == 401
