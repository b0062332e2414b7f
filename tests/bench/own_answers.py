"""What the gateway answers by itself, without a sandbox: the requests, and their answers."""

import http.client
import json
from dataclasses import dataclass

from measure import Request
from servers import Gateway

LEGACY, MODERN = "2025-11-25", "2026-07-28"


@dataclass(frozen=True)
class Method:
    """A method of one revision."""

    method: str
    revision: str
    params: dict
    what: str

    @property
    def name(self) -> str:
        return f"{self.method.replace('/', '-')}-{self.revision}"


CLIENT = {"name": "bench", "version": "1.0"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}

#: Of a gateway that offers this many tools:
TOOLS = 50
METHODS = [
    Method("server/discover", MODERN, {"_meta": META}, "`server/discover`"),
    Method("initialize", LEGACY, INITIALIZE, "`initialize`"),
    Method("ping", LEGACY, {}, "`ping`"),
    Method("tools/list", LEGACY, {}, f"`tools/list` of {TOOLS} tools, {LEGACY}"),
    Method("tools/list", MODERN, {"_meta": META}, f"`tools/list` of {TOOLS} tools, {MODERN}"),
]
#: Of one that offers many:
MANY_TOOLS = 1_000
LONG_LIST = Method("tools/list", MODERN, {"_meta": META}, f"`tools/list` of {MANY_TOOLS:,} tools")


def request(gateway: Gateway, method: Method) -> Request:
    message = {"jsonrpc": "2.0", "id": 1, "method": method.method, "params": method.params}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {gateway.key}",
        "MCP-Protocol-Version": method.revision,
        "User-Agent": "bench/1.0",
    }
    if method.revision == MODERN:
        headers["Mcp-Method"] = method.method
    return Request(gateway.url, json.dumps(message), headers)


def answer(gateway: Gateway, asked: Request) -> bytes:
    """What the gateway says to it: bytes for nginx's upstream to say."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    connection.request("POST", "/mcp", asked.body, asked.headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200 or "result" not in json.loads(body):
        raise RuntimeError(f"{response.status} {body[:500]!r}")
    return body
