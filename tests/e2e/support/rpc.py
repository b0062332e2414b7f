"""MCP over plain HTTP, one request at a time, without an SDK in between: what a test about exact
bytes and codes needs. The real clients are in tests/clients."""

import http.client
import itertools
import json
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

MODERN = "2026-07-28"
_ids = itertools.count(1)


class RpcError(Exception):
    """A JSON-RPC error."""

    def __init__(self, error: dict):
        super().__init__(f"{error['code']} {error['message']}")
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]  # Names in lower case.
    body: bytes

    @property
    def messages(self) -> list[dict]:
        """The JSON-RPC messages: of one JSON body, or of an event stream."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            events = self.body.replace(b"\r\n", b"\n").split(b"\n\n")
            data = [
                b"\n".join(
                    line[5:].lstrip() for line in event.split(b"\n") if line.startswith(b"data:")
                )
                for event in events
            ]
            return [json.loads(part) for part in data if part]
        return [json.loads(self.body)] if self.body else []

    @property
    def message(self) -> dict:
        """The answer: the last message."""
        return self.messages[-1]

    @property
    def error(self) -> dict:
        return self.message["error"]

    @property
    def result(self) -> dict:
        if "error" in self.message:
            raise RpcError(self.message["error"])
        return self.message["result"]


def text_of(result: dict) -> str:
    """The text blocks of a CallToolResult, joined."""
    return "".join(block["text"] for block in result["content"] if block["type"] == "text")


def reason_of(result: dict) -> str | None:
    """Why the sandbox ended a call; nothing, where the tool itself ended it."""
    return result.get("_meta", {}).get("io.mcpgate/reason")


class McpClient:
    """Speaks legacy MCP without a session, or 2026-07-28, on a connection per request."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        modern: bool = False,
        tls: ssl.SSLContext | None = None,
        timeout: float = 60,
    ):
        self.parts = urlsplit(url)
        self.key = key
        self.modern = modern
        self.tls = tls
        self.timeout = timeout

    def _fields(self) -> dict:
        fields = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if self.key is not None:
            fields["Authorization"] = f"Bearer {self.key}"
        return fields

    def post(self, body: bytes, headers: dict | None = None, path: str | None = None) -> Reply:
        """Sends bytes as they are."""
        return self.send("POST", path or self.parts.path, self._fields() | (headers or {}), body)

    def _connection(self) -> http.client.HTTPConnection:
        where = (self.parts.hostname, self.parts.port)
        if self.parts.scheme == "https":
            return http.client.HTTPSConnection(*where, timeout=self.timeout, context=self.tls)
        return http.client.HTTPConnection(*where, timeout=self.timeout)

    def send(self, method: str, path: str, headers: dict, body: bytes | None = None) -> Reply:
        connection = self._connection()
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, fields, answer.read())
        finally:
            connection.close()

    def _message(self, method: str, params: dict | None) -> tuple[dict, dict]:
        """A request, and the headers that it needs."""
        params = dict(params or {})
        fields = {}
        if self.modern:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "mcpgate-e2e", "version": "1"},
            } | params.get("_meta", {})
            fields = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
            if method in ("tools/call", "prompts/get"):
                fields["Mcp-Name"] = params["name"]
            elif method == "resources/read":
                fields["Mcp-Name"] = params["uri"]
            elif method.startswith("tasks/") and "taskId" in params:
                fields["Mcp-Name"] = params["taskId"]
        return {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params}, fields

    def request(
        self, method: str, params: dict | None = None, headers: dict | None = None
    ) -> Reply:
        message, fields = self._message(method, params)
        reply = self.post(json.dumps(message).encode(), fields | (headers or {}))
        if reply.status == 200 and "id" in reply.message:
            assert reply.message["id"] == message["id"], "the answer is to another request"
        return reply

    def tools(self) -> list[dict]:
        return self.request("tools/list").result["tools"]

    def tool_names(self) -> list[str]:
        return [tool["name"] for tool in self.tools()]

    def call(self, tool: str, arguments: dict | None = None) -> dict:
        """The CallToolResult; an RpcError where there is none."""
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}}).result

    def begin_call(self, tool: str, arguments: dict) -> http.client.HTTPConnection:
        """Sends a call and reads nothing: to close the connection is to hang up."""
        message, fields = self._message("tools/call", {"name": tool, "arguments": arguments})
        body = json.dumps(message).encode()
        connection = self._connection()
        connection.request("POST", self.parts.path, body=body, headers=self._fields() | fields)
        return connection
