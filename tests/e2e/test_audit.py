"""The record: one per request whatever it is, before a call and at its end, in an unbroken
chain."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import audit, raw
from support.gateway import CANARY
from support.processes import wait_until
from support.rpc import RpcError, text_of

GUIDE_KEYS = {"type", "timestamp", "user", "method", "tool", "client_ip", "status", "duration_ms"}


class Since:
    """The records that are written after this was made."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.start = len(gateway.records())

    def __call__(self, kind: str, count: int) -> list[dict]:
        """Exactly `count` records of this kind: waits for them, and for one too many."""

        def found():
            return [r for r in self.gateway.records()[self.start :] if r["type"] == kind]

        wait_until(lambda: len(found()) >= count, f"{count} {kind}")
        # Whatever else this gateway writes comes after a request that is answered later.
        self.gateway.client(None).request("ping")
        wait_until(
            lambda: found()[-1].get("status") == "unauthenticated" or kind != "mcp_request",
            "the mark",
        )
        records = found()[:-1] if kind == "mcp_request" else found()
        assert len(records) == count, records
        return records


@pytest.fixture
def since(gateway, tester):
    return Since(gateway)


def test_call_has_two_records(gateway, tester, since):
    reply = tester.request("tools/call", {"name": "echo", "arguments": {"text": f"{CANARY}-1"}})
    request = since("mcp_request", 1)[0]
    start = since("mcp_call_start", 1)[0]
    assert start["seq"] < request["seq"]
    assert start["request_id"] == request["request_id"] == reply.headers["x-request-id"]
    assert set(request) >= GUIDE_KEYS
    assert request["user"] == "tester@example.com"
    assert request["method"] == "tools/call"
    assert (request["tool_set"], request["tool"]) == ("trial", "echo")
    assert request["status"] == "success" and request["decision"] == "allow"
    assert request["client_ip"] == "127.0.0.1"
    assert 0 < request["duration_ms"] < 10_000
    assert request["auth_type"] == "api_key"
    assert request["key_id"] == tester.key.split("_")[1]
    assert len(request["arguments_sha256"]) == 64
    assert request["tool_sha256"].startswith("sha256:")
    assert request["profile"] in ("strict", "pod")
    assert request["result_bytes"] > 0


def test_start_is_written_before_the_call(gateway, tester, since):
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(tester.call, "wait", {"seconds": 5})
        wait_until(
            lambda: [r for r in gateway.records()[since.start :] if r["type"] == "mcp_call_start"],
            "the start is on disk",
        )
        assert not call.done()
        assert not [r for r in gateway.records()[since.start :] if r["type"] == "mcp_request"]
        call.result()


@pytest.mark.parametrize("name", ["raises", "segfaults"])
def test_failed_call_is_an_error(tester, since, name):
    tester.call(name)
    assert since("mcp_request", 1)[0]["status"] == "error"


def test_hidden_tool_is_denied_and_nothing_started(gateway, tester, since):
    with pytest.raises(RpcError):
        tester.call("vacuum", {"table": "t"})
    record = since("mcp_request", 1)[0]
    assert record["status"] == "denied" and record["decision"] == "deny"
    assert (record["tool_set"], record["tool"]) == ("dba", "vacuum")
    assert not [r for r in gateway.records()[since.start :] if r["type"] == "mcp_call_start"]


REFUSED = {
    "not JSON": (b"{", {}, "invalid"),
    "not JSON-RPC": (b"{}", {}, "invalid"),
    "unknown method": (b'{"jsonrpc":"2.0","id":1,"method":"nonesuch"}', {}, "invalid"),
    "wrong content type": (b"x", {"Content-Type": "text/plain"}, "invalid"),
    "wrong key": (b"{}", {"Authorization": "Bearer nonsense"}, "unauthenticated"),
    "foreign origin": (b"{}", {"Origin": "http://evil.example.com"}, "denied"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_request_has_one_record(tester, since, name):
    body, headers, status = REFUSED[name]
    tester.post(body, headers)
    record = since("mcp_request", 1)[0]
    assert record["status"] in {status, "invalid"}
    assert record.get("reason"), "says why"


def test_what_is_not_even_http_has_one_record(gateway, since):
    with raw.open_connection(gateway.port) as connection:
        connection.sendall(b"\0\1\2 nonsense\r\n\r\n")
        raw.read_replies(connection)
    record = since("mcp_request", 1)[0]
    assert record["status"] == "invalid"
    assert record["user"] is None
    assert record["client_ip"] == "127.0.0.1"


@pytest.mark.parametrize("method", ["ping", "tools/list", "initialize"])
def test_every_method_has_one_record(tester, since, method):
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    tester.request(method, params if method == "initialize" else {})
    record = since("mcp_request", 1)[0]
    assert record["method"] == method and record["status"] == "success"


def test_notification_has_one_record(tester, since):
    reply = tester.post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert reply.status == 202 and reply.body == b""
    assert since("mcp_request", 1)[0]["method"] == "notifications/initialized"


def test_hostile_names_stay_inside_their_line(gateway, tester, since):
    """A client writes into the log what it likes, but only as a string in one line."""
    evil = '\n{"type":"mcp_request","user":"root"}\n\u2028" \\ \x7f' + "x" * 10_000
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": evil}})
    tester.post(body.encode())
    record = since("mcp_request", 1)[0]
    assert record["user"] == "tester@example.com"
    assert len(record["tool"]) <= 300
    assert evil.startswith(record["tool"][:50])


def test_chain_is_whole_while_it_grows(gateway, tester):
    for _ in range(20):
        tester.call("echo", {"text": f"{CANARY}-2"})
    assert audit.verify(gateway.state / "audit") > 20


def test_verifier_finds_what_was_done_to_a_log(gateway, tester, tmp_path):
    """The verifier of these tests is none that passes everything."""
    tester.call("echo", {"text": f"{CANARY}-3"})
    for number, change in enumerate((edit, drop, swap, cut, insert)):
        copied = tmp_path / str(number)
        shutil.copytree(gateway.state / "audit", copied)
        path = max(copied.glob("*.jsonl"), key=lambda p: p.stat().st_size)
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises((AssertionError, ValueError)):
            audit.verify(copied)


def test_chain_is_bound_to_its_files(gateway, tester, tmp_path):
    """A whole chain does not pass for another writer's."""
    tester.call("echo", {"text": f"{CANARY}-4"})
    copied = tmp_path / "audit"
    shutil.copytree(gateway.state / "audit", copied)
    path = max(copied.glob("*.jsonl"), key=lambda p: p.stat().st_size)
    path.rename(copied / "another-000001.jsonl")
    with pytest.raises(AssertionError, match="of the chain of"):
        audit.verify(copied)


def edit(data: bytes) -> bytes:
    return data.replace(b'"status":"success"', b'"status":"denied"', 1)


def drop(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:2] + lines[3:])


def swap(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([lines[0], lines[2], lines[1], *lines[3:]])


def cut(data: bytes) -> bytes:
    return data[:-10]


def insert(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([*lines[:2], lines[1], *lines[2:]])


def test_values_are_nowhere(gateway, tester):
    """Looks at once, and the closing of the gateway looks again at everything of this module."""
    value = f"{CANARY}-secret-value"
    assert text_of(tester.call("echo", {"text": value})) == value
    text = "".join(p.read_text() for p in (gateway.state / "audit").glob("*"))
    assert value not in text and tester.key not in text
    assert tester.key.split("_")[1] in text, "the key's public id is what names it"
