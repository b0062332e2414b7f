"""A stream of events as its bytes show it: one on which the server speaks first, or a call's."""

import http.client
import json
from dataclasses import dataclass, field

from support.rpc import MODERN


@dataclass
class Event:
    id: str | None = None
    retry: str | None = None
    message: dict | None = None


@dataclass
class Stream:
    """An open one; its reads fail a test after a while."""

    status: int
    answer: http.client.HTTPResponse
    connection: http.client.HTTPConnection
    comments: int = field(default=0)

    def read(self) -> Event | None:
        """The next event; nothing at the stream's end."""
        event = Event()
        while line := self.answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name in ("id", "retry"):
                setattr(event, name, value)
            elif name == "data" and value:
                event.message = json.loads(value)
            elif line.startswith(b":"):
                self.comments += 1
            elif line == b"\n" and event != Event():
                return event
        return None

    def method(self) -> str | None:
        """That of the next message; nothing at the end."""
        while event := self.read():
            if event.message is not None:
                return event.message.get("method")
        return None

    def close(self):
        self.connection.close()


def _open(port: int, method: str, headers: dict, body: bytes | None = None) -> Stream:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, "/mcp", body=body, headers=headers)
    answer = connection.getresponse()
    return Stream(answer.status, answer, connection)


def listen(port: int, key: str, **wishes) -> Stream:
    """subscriptions/listen of 2026-07-28."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"_meta": meta, "notifications": wishes}
    message = {"jsonrpc": "2.0", "id": "s", "method": "subscriptions/listen", "params": params}
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "subscriptions/listen",
    }
    return _open(port, "POST", headers, json.dumps(message).encode())


def get(port: int, key: str, session: str, **headers) -> Stream:
    """The GET stream of a session of 2025-11-25."""
    fields = {
        "Authorization": f"Bearer {key}",
        "Accept": "text/event-stream",
        "Mcp-Session-Id": session,
        "MCP-Protocol-Version": "2025-11-25",
    }
    return _open(port, "GET", fields | headers)


def call(port: int, key: str, session: str, tool: str, arguments: dict) -> Stream:
    """The stream of a call of 2025-11-25 that reports its progress."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
    message = {"jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": params}
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Mcp-Session-Id": session,
        "MCP-Protocol-Version": "2025-11-25",
    }
    return _open(port, "POST", headers, json.dumps(message).encode())
