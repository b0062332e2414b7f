"""Bytes on a socket, for what no HTTP library would send."""

import json
import socket

from support.rpc import Reply


def open_connection(port: int, timeout: float = 60) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def read_replies(connection: socket.socket, limit: int = 10) -> list[Reply]:
    """Every answer until the peer closes the connection (or the socket's timeout fails the
    test)."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    replies = []
    while data and len(replies) < limit:
        reply, data = _cut_reply(data)
        replies.append(reply)
    return replies


def read_reply(connection: socket.socket) -> Reply:
    """The next answer on a connection that stays open."""
    data = b""
    while True:
        try:
            return _cut_reply(data)[0]
        except ValueError:
            chunk = connection.recv(65536)
            if not chunk:
                raise AssertionError(f"closed after {data!r}") from None
            data += chunk


def _cut_reply(data: bytes) -> tuple[Reply, bytes]:
    """The first answer and what follows it; ValueError while it is not whole."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        raise ValueError("the head is not whole")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    fields = (line.partition(":") for line in lines[1:])
    headers = {name.lower(): value.strip() for name, _, value in fields}
    if "transfer-encoding" in headers:
        body, rest = _cut_chunks(rest)
        return Reply(status, headers, body), rest
    length = int(headers.get("content-length", "0"))
    if len(rest) < length:
        raise ValueError("the body is not whole")
    return Reply(status, headers, rest[:length]), rest[length:]


def _cut_chunks(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, found, data = data.partition(b"\r\n")
        if not found:
            raise ValueError("a chunk is not whole")
        count = int(size, 16)
        if len(data) < count + 2:
            raise ValueError("a chunk is not whole")
        body, data = body + data[:count], data[count + 2 :]
        if count == 0:
            return body, data


def head(
    port: int, key: str | None, *fields: str, method: str = "POST", target: str = "/mcp"
) -> bytes:
    """A request head of our own making, the empty line included."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
    ]
    lines += ["Accept: application/json, text/event-stream"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1")


def ping(number: int = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}).encode()


def request(port: int, key: str | None, body: bytes, *fields: str) -> bytes:
    return head(port, key, f"Content-Length: {len(body)}", *fields) + body
