"""HTTP that no client sends by accident: too large, too slow, and read differently by two
parsers."""

import gzip
import http.client
import json
import resource
import selectors
import socket
import time
from pathlib import Path

import pytest
from support import raw
from support.processes import wait_until
from support.undisturbed import undisturbed

MEGABYTE = 1_000_000
HEAD_SECONDS = 10  # After this a slow head or body is answered with 408 (design.md 5.3).
# By which a busy machine may be late.
LATE_SECONDS_MAX = 60


@pytest.fixture
def connection(gateway):
    with raw.open_connection(gateway.port) as opened:
        yield opened


def only_reply(connection) -> raw.Reply:
    """One answer, after which the gateway closes the connection."""
    replies = raw.read_replies(connection)
    assert len(replies) == 1, f"{len(replies)} answers: {replies}"
    return replies[0]


def refusals(gateway, before: int, count: int = 1) -> list[dict]:
    def enough():
        new = [r for r in gateway.records()[before:] if r["type"] == "mcp_request"]
        return new if len(new) >= count else None

    return wait_until(enough, f"{count} records of refused requests")


def send_until_refused(connection, chunk: bytes, times: int) -> int:
    """Sends `chunk` again and again; how often it went through before the peer closed."""
    for number in range(times):
        try:
            connection.sendall(chunk)
        except OSError:
            return number
    return times


def test_body_of_100_mb_that_is_announced(gateway, tester, connection):
    """Refused by its length alone: the gateway neither reads nor keeps it."""
    before = len(gateway.records())
    connection.sendall(raw.head(gateway.port, tester.key, f"Content-Length: {100 * MEGABYTE}"))
    assert only_reply(connection).status == 413
    assert len(refusals(gateway, before)) == 1


# What a gateway may grow by while it is sent what it refuses: it throws away what it reads.
GROWTH_BYTES_MAX = 20 * MEGABYTE


def resident_bytes(gateway) -> int:
    pages = int(Path(f"/proc/{gateway.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


BODIES_OF_100_MB = {
    "with a length": (f"Content-Length: {100 * MEGABYTE}", b" " * MEGABYTE),
    "in chunks": ("Transfer-Encoding: chunked", b"%x\r\n" % MEGABYTE + b" " * MEGABYTE + b"\r\n"),
}


@pytest.mark.parametrize("name", BODIES_OF_100_MB)
def test_body_of_100_mb_that_is_sent(gateway, tester, connection, name):
    """The sender, which does not look up before the end, still gets its 413 (or is cut off)."""
    field, chunk = BODIES_OF_100_MB[name]
    before = len(gateway.records())
    size = resident_bytes(gateway)
    with undisturbed(tester):
        connection.sendall(raw.head(gateway.port, tester.key, field))
        if send_until_refused(connection, chunk, 100) == 100:
            assert only_reply(connection).status == 413
    assert resident_bytes(gateway) < size + GROWTH_BYTES_MAX
    refused = [r for r in gateway.records()[before:] if r.get("status") == "invalid"]
    assert len(refused) == 1 and refused[0]["type"] == "mcp_request"


def test_body_at_the_limit_is_read_and_one_byte_more_is_not(gateway, tester):
    limit = 4 * 1024 * 1024
    ping = raw.ping()
    assert tester.post(ping + b" " * (limit - len(ping))).status == 200
    assert tester.post(ping + b" " * (limit - len(ping) + 1)).status == 413


def test_a_body_without_a_credential_is_not_read(gateway, connection):
    """What nobody vouches for takes no memory: the answer does not wait for it."""
    connection.sendall(raw.head(gateway.port, None, "Content-Length: 4000000") + b"{")
    replies = raw.read_replies(connection)
    assert [reply.status for reply in replies] == [401]


def test_memory_of_large_bodies_is_given_back(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    assert tester.request("ping").status == 200
    before = resident(gateway.process.pid)
    for megabytes in (1, 2, 3, 4, 1, 2, 3, 4, 4):
        padding = " " * (megabytes * (1 << 20) - 1024)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": padding}})
        assert tester.post(body.encode()).status == 200
    wait_until(lambda: resident(gateway.process.pid) - before < 16 << 20, "the memory is back")


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("authenticated", [True, False])
def test_headers_of_1_mb(gateway, tester, connection, authenticated):
    before = len(gateway.records())
    key = tester.key if authenticated else None
    start = raw.head(gateway.port, key, "Content-Length: 0")[:-2]
    connection.sendall(start)
    send_until_refused(connection, b"X-Filler: " + b"x" * 9_988 + b"\r\n", 100)
    replies = raw.read_replies(connection)
    assert [reply.status for reply in replies] in ([431], []), (
        "[]: reset before the answer was read"
    )
    assert len(refusals(gateway, before)) == 1


def test_one_header_of_70_kb_is_431(gateway, connection):
    connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n")
    assert only_reply(connection).status == 431


def test_request_line_without_end_is_431_or_414(gateway, connection):
    send_until_refused(connection, b"POST /" + b"x" * 70_000, 1)
    assert only_reply(connection).status in (414, 431)


SMUGGLING = {
    "two different Content-Length": ["Content-Length: 40", "Content-Length: 0"],
    "two equal Content-Length": ["Content-Length: 40", "Content-Length: 40"],
    "list of Content-Length": ["Content-Length: 40, 40"],
    "negative Content-Length": ["Content-Length: -1"],
    "signed Content-Length": ["Content-Length: +40"],
    "hexadecimal Content-Length": ["Content-Length: 0x28"],
    "Content-Length beyond 64 bits": ["Content-Length: 18446744073709551656"],
    "Content-Length with a blank": ["Content-Length: 4 0"],
    "CL and TE": ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "TE and CL": ["Transfer-Encoding: chunked", "Content-Length: 4"],
    "TE twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "TE chunked, identity": ["Transfer-Encoding: chunked, identity"],
    "TE identity": ["Transfer-Encoding: identity"],
    "TE xchunked": ["Transfer-Encoding: xchunked"],
    "TE with a tab": ["Transfer-Encoding:\tchunked", "Content-Length: 4"],
    "TE with a vertical tab": ["Transfer-Encoding: \x0bchunked"],
    "obs-fold": ["X-Folded: a", " Content-Length: 40"],
    "obs-fold of TE": ["Transfer-Encoding:", " chunked"],
    "blank before the colon": ["Content-Length : 40"],
    "TE and a blank before the colon": ["Transfer-Encoding : chunked", "Content-Length: 4"],
    "no colon": ["Content-Length 40"],
    "empty name": [": 40"],
    "NUL in a value": ["X-Nul: a\0b"],
    "bare CR in a value": ["X-Cr: a\rTransfer-Encoding: chunked"],
    "two Host": ["Host: evil.example.com"],
}

# What a victim of smuggling would take for a second request.
SMUGGLED = raw.ping(2)


@pytest.mark.parametrize("name", SMUGGLING)
def test_request_smuggling_by_headers(gateway, tester, connection, name):
    before = len(gateway.records())
    smuggled = raw.request(gateway.port, tester.key, SMUGGLED)
    connection.sendall(
        raw.head(gateway.port, tester.key, *SMUGGLING[name]) + b"0\r\n\r\n" + smuggled
    )
    assert only_reply(connection).status in (400, 501)
    records = refusals(gateway, before)
    assert len(records) == 1 and records[0]["status"] == "invalid"


CHUNKS = {
    "size is no number": b"zz\r\nabc\r\n0\r\n\r\n",
    "size has a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "size begins with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "size is empty": b"\r\n{}\r\n0\r\n\r\n",
    "size beyond 64 bits": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "size is all of 64 bits": b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "data longer than its size": b"2\r\n{}x\r\n0\r\n\r\n",
    "data followed by bare LF": b"2\r\n{}\n0\r\n\r\n",
    "size ends in bare LF": b"2\n{}\r\n0\r\n\r\n",
    "size followed by a blank": b"2 \r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks(gateway, tester, connection, name):
    smuggled = raw.request(gateway.port, tester.key, SMUGGLED)
    head = raw.head(gateway.port, tester.key, "Transfer-Encoding: chunked")
    connection.sendall(head + CHUNKS[name] + smuggled)
    assert only_reply(connection).status == 400


def test_chunk_that_never_ends_its_size_line(gateway, tester, connection):
    connection.sendall(raw.head(gateway.port, tester.key, "Transfer-Encoding: chunked"))
    send_until_refused(connection, b"2;" + b"x" * 100_000, 1)
    assert only_reply(connection).status in (400, 413, 431)


def test_good_chunks_are_joined(gateway, tester, connection):
    body = raw.ping()
    chunks = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
    connection.sendall(raw.head(gateway.port, tester.key, "Transfer-Encoding: chunked") + chunks)
    assert raw.read_reply(connection).result == {}


BARE = {
    "bare LF after the request line": b"POST /mcp HTTP/1.1\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "bare LF after a header": b"POST /mcp HTTP/1.1\r\nHost: x\nContent-Length: 0\r\n\r\n",
    "bare LF as the end": b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\n",
    "all bare LF": b"POST /mcp HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
    "no version": b"POST /mcp\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": b"POST /mcp HTTP/3.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "two blanks": b"POST  /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "no Host": b"POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    "noise": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("name", BARE)
def test_bad_framing(gateway, connection, name):
    connection.sendall(BARE[name])
    connection.shutdown(socket.SHUT_WR)
    replies = raw.read_replies(connection)
    assert len(replies) <= 1
    assert all(reply.status in (400, 403, 421, 505) for reply in replies), replies
    assert replies or name in ("a TLS hello", "noise", "HTTP/0.9", "HTTP/2"), (
        "refused without a word"
    )


def test_pipelined_requests_are_answered_in_order(gateway, tester, connection):
    requests = b"".join(raw.request(gateway.port, tester.key, raw.ping(n)) for n in range(5))
    close = raw.request(gateway.port, tester.key, raw.ping(5), "Connection: close")
    connection.sendall(requests + close)
    assert [reply.message["id"] for reply in raw.read_replies(connection)] == list(range(6))


def test_refused_credential_does_not_open_the_rest_of_the_connection(gateway, tester, connection):
    """A body that was not read is not taken for the next request."""
    inner = raw.request(gateway.port, tester.key, raw.ping(9))
    outer = raw.head(gateway.port, None, f"Content-Length: {len(inner)}")
    connection.sendall(outer + inner)
    connection.shutdown(socket.SHUT_WR)
    assert [reply.status for reply in raw.read_replies(connection)] == [401]


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:80", "127.0.0.1.evil.com"])
def test_foreign_host_is_refused(gateway, tester, connection, host):
    """DNS rebinding: a page of that name must not reach a gateway on this machine."""
    body = raw.ping()
    fields = [
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Authorization: Bearer {tester.key}",
        "Connection: close",
    ]
    connection.sendall(
        ("POST /mcp HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n").encode() + body
    )
    assert only_reply(connection).status in (403, 421)


@pytest.mark.parametrize(
    "origin", ["http://evil.example.com", "null", "https://127.0.0.1.evil.com"]
)
def test_foreign_origin_is_refused(tester, origin):
    assert tester.post(raw.ping(), {"Origin": origin}).status == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "CONNECT", "OPTIONS", "FROB"])
def test_other_methods(gateway, tester, method):
    status = tester.send(method, "/mcp", {"Authorization": f"Bearer {tester.key}"}).status
    assert status in (400, 403, 405, 501)


def test_body_in_another_form_than_it_says(gateway, tester, connection):
    reply = tester.post(gzip.compress(raw.ping()), {"Content-Encoding": "gzip"})
    assert reply.status == 415 and reply.headers["accept-encoding"] == "identity"
    body = raw.ping()
    fields = (f"Content-Length: {len(body)}", "Content-Type: text/plain")
    connection.sendall(raw.head(gateway.port, tester.key, *fields) + body)
    assert raw.read_reply(connection).status == 400


def test_several_credentials(gateway, tester, connection):
    body = raw.ping()
    fields = (f"Content-Length: {len(body)}", f"Authorization: Bearer {tester.key}")
    connection.sendall(raw.head(gateway.port, tester.key, *fields) + body)
    reply = raw.read_reply(connection)
    assert reply.status == 400
    assert 'error="invalid_request"' in reply.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_health_is_for_get_and_head(gateway, tester, path):
    got, head = tester.send("GET", path, {}), tester.send("HEAD", path, {})
    assert (got.status, head.status) == (200, 200)
    assert head.body == b"" and head.headers["content-length"] == str(len(got.body))
    for method in ("POST", "DELETE", "PUT"):
        refused = tester.send(method, path, {})
        assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD"
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=60)
    connection.request("HEAD", path)
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    "path", ["/nonesuch", "/mcp/", "//mcp", "/mcp/../mcp", "/mcp%00", "/metrics", "/status"]
)
def test_other_paths_are_404(tester, path):
    assert tester.post(raw.ping(), path=path).status == 404


def test_slow_head_is_408(gateway, connection):
    before = len(gateway.records())
    head = raw.head(gateway.port, "mcpk_slow")
    started = time.monotonic()
    reply = feed_slowly(connection, head)
    assert reply.status == 408
    assert HEAD_SECONDS - 1 < time.monotonic() - started < HEAD_SECONDS + LATE_SECONDS_MAX
    assert len(refusals(gateway, before)) == 1


def test_slow_body_is_408(gateway, tester, connection):
    before = len(gateway.records())
    connection.sendall(raw.head(gateway.port, tester.key, "Content-Length: 1000"))
    started = time.monotonic()
    assert feed_slowly(connection, b" " * 1000).status == 408
    assert HEAD_SECONDS - 1 < time.monotonic() - started < HEAD_SECONDS + LATE_SECONDS_MAX
    assert len(refusals(gateway, before)) == 1


def feed_slowly(connection, data: bytes) -> raw.Reply:
    """One byte a second, until there is an answer."""
    connection.settimeout(1)
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            return raw.read_reply(connection)
        except TimeoutError:
            continue
    raise AssertionError("all of it was taken")


SLOW_CLIENTS = 1_000


def test_1000_slow_clients(gateway, tester):
    """Each sends a byte a second; others are served meanwhile; then each has had its 408."""
    need = SLOW_CLIENTS + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, need), hard))
    crowd = [raw.open_connection(gateway.port) for _ in range(SLOW_CLIENTS)]
    try:
        with undisturbed(tester, at_least=50):
            head = raw.head(gateway.port, "mcpk_slow")
            statuses = drive(crowd, head, HEAD_SECONDS + LATE_SECONDS_MAX)
        assert statuses == {408: SLOW_CLIENTS}
        assert tester.request("ping").status == 200
    finally:
        for connection in crowd:
            connection.close()


def drive(crowd, head: bytes, seconds: float) -> dict[int, int]:
    """Feeds a byte a second to each connection; counts the status that each is answered with."""
    selector = selectors.DefaultSelector()
    for connection in crowd:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
    statuses: dict[int, int] = {}
    deadline = time.monotonic() + seconds
    position = 0
    while selector.get_map() and time.monotonic() < deadline:
        for entry in list(selector.get_map().values()):
            try:
                entry.fileobj.send(head[position : position + 1])
            except OSError:
                pass
        position += 1
        next_byte = min(time.monotonic() + 1, deadline)
        while selector.get_map() and time.monotonic() < next_byte:
            for entry, _ in selector.select(next_byte - time.monotonic()):
                selector.unregister(entry.fileobj)
                status = read_status(entry.fileobj)
                statuses[status] = statuses.get(status, 0) + 1
    return statuses


def read_status(connection) -> int:
    try:
        line = connection.recv(65536).split(b"\r\n")[0].split(b" ")
    except OSError:
        return 0
    return int(line[1]) if len(line) > 1 else 0


def test_client_that_does_not_read_its_answers(gateway, tester):
    """Pipelines requests and never reads: it is held back or dropped, and nobody else waits."""
    with undisturbed(tester), raw.open_connection(gateway.port) as connection:
        connection.settimeout(2)
        one = raw.request(
            gateway.port,
            tester.key,
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode(),
        )
        assert send_until_refused(connection, one * 100, 2_000) < 2_000


def test_disconnect_in_the_middle_of_everything(gateway, tester):
    """Cut a request at each of its bytes; the gateway goes on."""
    whole = raw.request(gateway.port, tester.key, raw.ping())
    for end in range(0, len(whole), 7):
        with raw.open_connection(gateway.port) as connection:
            connection.sendall(whole[:end])
    assert tester.request("ping").status == 200
