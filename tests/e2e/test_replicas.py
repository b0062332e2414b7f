"""Three replicas in front of one sandbox: a session of a legacy client lives in one of them, and is
served whichever it meets; one that is gone is said to be gone."""

import hashlib
import http.client
import itertools
import json
import secrets
import socket
import threading
from pathlib import Path

import pytest
from support.balancer import InjectingProxy
from support.clients import node_program, python_program
from support.gateway import change_settings, copied_tools
from support.processes import wait_until
from support.replicas import Replicas, new_key
from support.rpc import MODERN, McpClient, text_of
from support.signing import SandboxSocket
from support.streams import call, get, listen

ASKING = '''
import time

from mcpgate import Context, tool


@tool(timeout=60)
def book(day: str, ctx: Context) -> str:
    """Books a table."""
    answer = ctx.elicit(f"Who comes on {day}?", {"type": "object", "properties": {}}, key="who")
    return f"{day}: {answer.action}"


@tool(timeout=60)
def doze(seconds: float, ctx: Context) -> str:
    """Sleeps, and says so before."""
    ctx.log("info", "asleep")
    time.sleep(seconds)
    return "awake"


@tool(timeout=60)
def leave(ctx: Context) -> str:
    """Lets its client go before it has a result."""
    left = ctx.close_stream()
    time.sleep(0.2)
    return "left" if left else "stayed"


@tool
def announce(uri: str, ctx: Context) -> str:
    """Says that a resource has changed."""
    ctx.resource_updated(uri)
    return "said"
'''
TOOLS_CHANGED = "notifications/tools/list_changed"
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "mcpgate-e2e", "version": "1"},
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    tools = copied_tools(tmp_path_factory.mktemp("replicas") / "tools")
    (tools / "trial" / "asking.py").write_text(ASKING)
    change_settings(tools / "trial", ("wall: 8s", "wall: 60s"))
    return tools


@pytest.fixture(scope="module")
def replicas(tools):
    started = Replicas(tools / "trial", "mcp-tester")
    yield started
    started.close()


@pytest.fixture(scope="module")
def key(replicas):
    return replicas.known_key("ada@example.com", "mcp-tester")


@pytest.fixture
def clients(replicas, key):
    """One at each replica, all with the same key."""
    return [McpClient(gateway.url, key) for gateway in replicas.gateways]


def new_session(client) -> dict:
    """Headers of a new session that lives where `client` is."""
    reply = client.request("initialize", INITIALIZE)
    assert reply.status == 200
    return {"Mcp-Session-Id": reply.headers["mcp-session-id"]}


def delete(client, session: dict) -> int:
    headers = session | {"Authorization": f"Bearer {client.key}"}
    return client.send("DELETE", "/mcp", headers).status


def post(client, session: dict, message: dict):
    return client.post(json.dumps({"jsonrpc": "2.0"} | message).encode(), session)


class OpenCall:
    """A call whose answer is read as it comes."""

    def __init__(self, client, session: dict, call_id, tool: str, arguments: dict):
        self.connection = http.client.HTTPConnection("127.0.0.1", client.parts.port, timeout=60)
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": call_id, "method": "tools/call", "params": params}
        headers = session | {
            "Authorization": f"Bearer {client.key}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        self.connection.request("POST", "/mcp", body=json.dumps(body), headers=headers)

    def message(self) -> dict | None:
        """The next message; nothing at the end."""
        self.answer = getattr(self, "answer", None) or self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        while line := self.answer.readline():
            if line.startswith(b"data: {"):
                return json.loads(line[6:])
        return None


def test_what_a_tool_says_of_a_resource_is_told_at_all_replicas(replicas, clients, key):
    monday, stranger = "trial://days/monday", replicas.known_key("nobody@example.com", "mcp-nobody")
    session = new_session(clients[0])
    assert clients[1].request("resources/subscribe", {"uri": monday}, session).status == 200
    legacy = get(replicas.ports[0], key, session["Mcp-Session-Id"])
    assert legacy.read().id, "it is primed"
    modern = [listen(port, key, resourceSubscriptions=[monday]) for port in replicas.ports]
    blind = listen(replicas.ports[0], stranger, resourceSubscriptions=[monday])
    others = listen(replicas.ports[0], key, resourceSubscriptions=["trial://readme"])
    for stream in [*modern, blind, others]:
        assert stream.read().message["method"] == "notifications/subscriptions/acknowledged"

    def announce(client, uri: str):
        return client.request("tools/call", {"name": "announce", "arguments": {"uri": uri}})

    assert text_of(announce(clients[2], monday).result) == "said"
    for stream in [legacy, *modern]:
        told = stream.read().message
        assert told["method"] == "notifications/resources/updated"
        assert told["params"]["uri"] == monday
    # Who follows another one is told of that one first, and who may read none is told of none.
    assert text_of(announce(clients[1], "trial://readme").result) == "said"
    assert others.read().message["params"]["uri"] == "trial://readme"
    refused = announce(clients[0], "trial://nights/monday").result
    assert refused["isError"] and "no resource of this tool set" in text_of(refused)
    # Nothing was said to who may read nothing: what comes next on that stream is its end.
    assert replicas.gateways[0].mcpgate("keys", "revoke", stranger.split("_")[1]).returncode == 0
    assert blind.method() is None
    for stream in [legacy, *modern, others, blind]:
        stream.close()


def test_a_session_is_served_by_any_replica_and_ended_for_all(clients):
    for home, other in itertools.permutations(clients, 2):
        session = new_session(home)
        done = other.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, session)
        assert done.status == 200 and text_of(done.result) == "3"
        assert other.request("tools/list", headers=session).result == home.request(
            "tools/list", headers=session
        ).result
        assert delete(other, session) == 204
        assert [each.request("ping", headers=session).status for each in clients] == [404] * 3
        assert delete(home, session) == 404


def test_a_request_is_recorded_once_by_the_replica_that_serves_it(replicas, clients):
    home, other, _ = clients
    session = new_session(home)
    reply = other.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, session)
    request_id = reply.headers["x-request-id"]
    records = [
        [each for each in gateway.records() if each.get("request_id") == request_id]
        for gateway in replicas.gateways
    ]
    assert [len([each for each in place if each["type"] == "mcp_request"]) for place in records] \
        == [1, 0, 0]  # fmt: skip
    assert {each["client_ip"] for each in records[0]} == {"127.0.0.1"}
    assert {each["user"] for each in records[0]} == {"ada@example.com"}


def test_a_question_is_answered_through_any_replica(clients):
    for first, second, third in itertools.permutations(clients):
        session = new_session(first)
        call = OpenCall(second, session, "c", "book", {"day": "Monday"})
        asked = call.message()
        assert asked["method"] == "elicitation/create"
        answer = {"id": asked["id"], "result": {"action": "decline"}}
        assert post(third, session, answer).status == 202
        assert text_of(call.message()["result"]) == "Monday: decline"
        assert call.message() is None
        assert post(third, session, answer).status == 400


def test_a_call_is_cancelled_through_any_replica(clients):
    first, second, third = clients
    session = new_session(first)
    level = third.request("logging/setLevel", {"level": "info"}, session)
    assert level.status == 200
    call = OpenCall(second, session, 7, "doze", {"seconds": 50})
    assert call.message()["method"] == "notifications/message"
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 7}}
    assert post(third, session, cancel).status == 202
    ended = call.message()
    assert ended is None or ended["result"]["isError"], ended
    call.connection.close()


def test_a_stream_at_any_replica_is_told_and_ended(tools, replicas, clients):
    first, second, third = clients
    session = new_session(first)
    stream = get(second.parts.port, second.key, session["Mcp-Session-Id"])
    assert stream.status == 200 and stream.read().id
    added = tools / "trial" / "added.py"
    added.with_suffix(".draft").write_text(
        'from mcpgate import tool\n\n\n@tool\ndef added() -> str:\n    """New."""\n    return "x"\n'
    )
    added.with_suffix(".draft").rename(added)
    assert stream.method() == TOOLS_CHANGED
    assert delete(third, session) == 204
    assert stream.read() is None


def test_a_call_is_taken_up_again_through_any_replica(clients):
    for first, second, third in itertools.permutations(clients):
        session = new_session(first)["Mcp-Session-Id"]
        left = call(second.parts.port, second.key, session, "leave", {})
        last_event = left.read().id
        assert left.read() is None
        back = get(third.parts.port, third.key, session, **{"Last-Event-ID": last_event})
        assert text_of(back.read().message["result"]) == "left"
        assert back.read() is None


def order(url: str, key: str, **more) -> dict:
    calls = [{"name": "book", "arguments": {"day": "Monday"}}]
    return {"url": url, "headers": {"Authorization": f"Bearer {key}"}, "calls": calls} | more


@pytest.fixture
def balanced(replicas, key):
    balancer = InjectingProxy(replicas.ports, key)
    yield balancer
    balancer.close()


@pytest.mark.parametrize(
    ("program", "era"),
    [("sdk_v1", "legacy"), ("sdk_v2", MODERN), ("sdk_v2", "legacy"), ("python", "legacy")],
)
def test_real_clients_behind_a_load_balancer(balanced, key, program, era):
    wanted = order(f"http://127.0.0.1:{balanced.port}/mcp", key, era=era, answers={})
    report = python_program(wanted) if program == "python" else node_program(program, wanted)
    call = report["calls"][0]
    assert "error" not in call, call
    assert text_of(call["result"]) == "Monday: accept"


def test_what_lived_in_a_replica_that_is_gone_is_gone(tools):
    replicas = Replicas(tools / "trial", "mcp-tester")
    try:
        key = replicas.known_key("ada@example.com", "mcp-tester")
        first, second, third = (McpClient(each.url, key) for each in replicas.gateways)
        session, other = new_session(first), new_session(second)
        stream = get(second.parts.port, key, session["Mcp-Session-Id"])
        stream.read()
        call = OpenCall(third, session, "c", "book", {"day": "Monday"})
        assert call.message()["method"] == "elicitation/create"
        replicas.kill(0)
        for reader in (stream.read, call.message):
            with pytest.raises((http.client.HTTPException, OSError)):
                assert reader() is None
                raise ConnectionError("cut")
        for client in (second, third):
            assert client.request("ping", headers=session).status == 404
            assert delete(client, session) == 404
            assert client.request("ping", headers=other).status == 200
        # Another start of it knows nothing of what was said to the one before.
        replicas.restart(0)
        for client in (first, second, third):
            assert client.request("ping", headers=session).status == 404
            assert client.request("ping", headers=new_session(first)).status == 200
    finally:
        replicas.close()


class PeerSocket(SandboxSocket):
    """Speaks to a replica's listener for the others."""

    def __init__(self, port: int, key_file):
        super().__init__(key_file, key_file)
        self.port = port

    def send(self, method, path, headers, body=b""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Mcpgate-Refused")
        finally:
            connection.close()


def test_only_a_replica_may_forward(replicas, tmp_path):
    before = len(replicas.gateways[0].records())
    peer = PeerSocket(replicas.peer_ports[0], replicas.folder / "peers.key")
    assert peer.send("POST", "/forward", {}, b"x") == (401, "unsigned")
    assert peer.send("GET", "/health", {}) == (404, "path")
    assert peer.send("POST", "/mcp", {}, b"{}") == (404, "path")

    def signed(by=peer, **how):
        call_id = secrets.token_hex(16)
        return by.sign("POST", "/forward", b"x", **({"call_id": call_id, "instance": "i"} | how))

    stranger_key = tmp_path / "other.key"
    stranger_key.write_text(peer.key_file.read_text())
    stranger = PeerSocket(replicas.peer_ports[0], stranger_key)
    stranger.secret = secrets.token_bytes(32)
    assert peer.send("POST", "/forward", signed(stranger), b"x") == (401, "wrong_mac")
    stranger.key_id = hashlib.sha256(stranger.secret).hexdigest()[:16]
    assert peer.send("POST", "/forward", signed(stranger), b"x") == (401, "unknown_key")
    assert peer.send("POST", "/forward", signed(age_ms=31_000), b"x") == (401, "old")
    assert peer.send("POST", "/forward", signed(), b"y") == (401, "wrong_mac")
    assert peer.send("POST", "/forward", signed(), b"x") == (409, "other_instance")
    reasons = [each["reason"] for each in replicas.gateways[0].records()[before:]]
    assert {"unsigned", "path", "wrong_mac", "unknown_key", "old", "other_instance"} <= set(reasons)


def read_request(listener) -> tuple[dict, bytes]:
    """The next request that somebody sends there: its headers and its body."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as stream:
        assert stream.readline() == b"POST /forward HTTP/1.1\r\n"
        headers = http.client.parse_headers(stream)
        return dict(headers), stream.read(int(headers["Content-Length"]))


def test_what_is_forwarded_is_sealed_and_taken_once(tools):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        advertised = f"127.0.0.1:{listener.getsockname()[1]}"
        replicas = Replicas(tools / "trial", "mcp-tester", count=2, advertise=[advertised, None])
        try:
            key = replicas.known_key("ada@example.com", "mcp-tester")
            home, other = (McpClient(each.url, key) for each in replicas.gateways)
            session = new_session(home)
            replies = []
            asking = threading.Thread(
                target=lambda: replies.append(other.request("ping", headers=session))
            )
            asking.start()
            headers, body = read_request(listener)
            asking.join()
            # What hangs up without an answer is gone.
            assert replies[0].status == 404
            assert key[-40:].encode() not in body and b'"ping"' not in body
            peer = PeerSocket(replicas.peer_ports[0], replicas.folder / "peers.key")
            assert peer.send("POST", "/forward", headers, body) == (200, None)
            assert peer.send("POST", "/forward", headers, body) == (409, "replayed")
        finally:
            replicas.close()


class Crossing(threading.Thread):
    """Asks one replica, one request after the other, for what lives in the others."""

    def __init__(self, client, sessions: list[dict]):
        super().__init__()
        self.client = client
        self.sessions = itertools.cycle(sessions)
        self.statuses: list[int] = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            self.statuses.append(self.client.request("ping", headers=next(self.sessions)).status)

    def wait_rounds(self):
        """Until requests that began since have been answered, one for each session at least."""
        wanted = len(self.statuses) + 4
        wait_until(lambda: len(self.statuses) >= wanted, "requests are answered meanwhile")


def test_the_peers_key_is_rotated_while_requests_are_forwarded(tools):
    replicas = Replicas(tools / "trial", "mcp-tester")
    crossings = []
    try:
        key = replicas.known_key("ada@example.com", "mcp-tester")
        clients = [McpClient(each.url, key) for each in replicas.gateways]
        sessions = [new_session(client) for client in clients]
        for number, client in enumerate(clients):
            elsewhere = [each for other, each in enumerate(sessions) if other != number]
            crossings.append(Crossing(client, elsewhere))
            crossings[-1].start()

        def answers(peer_key: dict) -> list:
            """What each says to something that is signed so, and meant for another start of it."""
            said = []
            for port in replicas.peer_ports:
                peer = PeerSocket(port, Path(peer_key["file"]))
                nonce = secrets.token_hex(16)
                headers = peer.sign("POST", "/forward", b"x", call_id=nonce, instance="i")
                said.append(peer.send("POST", "/forward", headers, b"x"))
            return said

        known, unknown = [(409, "other_instance")] * 3, [(401, "unknown_key")] * 3
        old, new = replicas.peer_key, new_key(replicas.folder / "peers-new.key")
        assert (answers(old), answers(new)) == (known, unknown)
        # All take the new one; then each signs with it; then none takes the old one any more. The
        # first that does not is still asked by others that know both: they must sign with the new.
        for keys in ([old, new], [new, old], [new]):
            for number, gateway in enumerate(replicas.gateways):
                replicas.use_peer_key(number, keys)
                assert gateway.answers(key, 200), "every loop has got to it"
                for crossing in crossings:
                    crossing.wait_rounds()
            assert answers(new) == known
            assert answers(old) == (known if old in keys else unknown)
        for crossing in crossings:
            assert set(crossing.statuses) == {200}
    finally:
        for crossing in crossings:
            crossing.over.set()
            crossing.join()
        replicas.close()
