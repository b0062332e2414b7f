"""Many open notification streams of one gateway: what one costs, and how soon all are told."""

import json
import resource
import selectors
import socket
import time
from pathlib import Path

import servers

MODERN = "2026-07-28"
SECONDS_MAX = 60


def request(port: int, key: str) -> bytes:
    """subscriptions/listen for the list of tools."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"_meta": meta, "notifications": {"toolsListChanged": True}}
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
    )
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: subscriptions/listen\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def open_stream(port: int, message: bytes) -> socket.socket:
    """A stream that has been acknowledged."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
    stream.sendall(message)
    answer = b""
    while b"subscriptions/acknowledged" not in answer:
        piece = stream.recv(4096)
        if not piece:
            raise RuntimeError(f"no stream: {answer!r}")
        answer += piece
    return stream


def wait_until_told(streams: list[socket.socket]):
    """Until each has been told that the list of tools has changed."""
    deadline = time.monotonic() + SECONDS_MAX
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ, bytearray())
        while selector.get_map():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(selector.get_map())} streams were not told")
            for key, _ in selector.select(1):
                key.data.extend(key.fileobj.recv(4096))
                if b"tools/list_changed" in key.data:
                    selector.unregister(key.fileobj)


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def measure(gateway: servers.Gateway, count: int) -> tuple[float, list[float]]:
    """KiB that one stream takes, and the seconds from a change of the configuration, each time
    another prefix of the tools' names, until the last stream has been told."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    config = gateway.started.folder / "mcpgate.yaml"
    document = json.loads(config.read_text())
    message = request(gateway.port, gateway.key)
    open_stream(gateway.port, message).close()
    before = resident_kib(gateway.started.pid)
    streams = [open_stream(gateway.port, message) for _ in range(count)]
    each = (resident_kib(gateway.started.pid) - before) / count
    times = []
    for change in range(5):
        document["toolSets"]["canned"]["prefix"] = f"v{change}-"
        draft = config.with_suffix(".draft")
        draft.write_text(json.dumps(document))
        started = time.monotonic()
        draft.rename(config)
        wait_until_told(streams)
        times.append(time.monotonic() - started)
    for stream in streams:
        stream.close()
    return each, times
