"""Requests to a sandbox daemon on its own socket: signed as design.md 5.4 says, or not.

Shares no code with the product, so that both sides of it are checked against the format.
"""

import base64
import hashlib
import hmac
import http.client
import json
import re
import secrets
import socket
import time
from pathlib import Path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float):
        super().__init__("sandbox", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class SandboxSocket:
    """Speaks to the daemon behind a Unix socket."""

    def __init__(self, path: Path, key_file: Path, timeout: float = 60):
        self.path = path
        self.key_file = key_file
        self.timeout = timeout
        lines = [line for line in key_file.read_text().splitlines() if line and line[0] != "#"]
        self.secret = base64.urlsafe_b64decode(lines[0] + "=")
        self.key_id = hashlib.sha256(self.secret).hexdigest()[:16]

    def sign(
        self, method: str, path: str, body: bytes, *, call_id="", instance="", age_ms=0
    ) -> dict:
        t = int(time.time() * 1000) - age_ms
        digest = hashlib.sha256(body).hexdigest()
        signed = f"v1\n{method}\n{path}\n{t}\n{call_id}\n{instance}\n{digest}".encode()
        mac = hmac.new(self.secret, signed, hashlib.sha256).hexdigest()
        return {
            "Mcpgate-Signature": f"v1;key={self.key_id};t={t};mac={mac}",
            "Mcpgate-Instance": instance,
            "Mcpgate-Call": call_id,
        }

    def send(self, method: str, path: str, headers: dict, body: bytes = b"") -> tuple[int, bytes]:
        connection = _UnixConnection(self.path, self.timeout)
        try:
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, bytes]:
        """A signed GET. The call's id makes each signature another one: two of one millisecond
        would otherwise be a replay."""
        return self.send("GET", path, self.sign("GET", path, b"", call_id=secrets.token_hex(8)))

    def calls_answered(self) -> int:
        """How many calls it has run, by its own count. A call is counted before its answer comes."""
        metrics = self.get("/metrics")[1].decode()
        count = re.search(r"^mcpgate_sandbox_call_duration_seconds_count (\d+)$", metrics, re.M)
        return int(count[1])

    def serves(self) -> bool:
        try:
            return self.get("/tools")[0] == 200
        except OSError:
            return False

    def manifest(self) -> dict:
        status, body = self.get("/tools")
        assert status == 200, body
        return json.loads(body)

    def execute_body(self, tool: str, arguments: dict, call_id: str, tool_sha256: str) -> bytes:
        call = {
            "id": call_id,
            "user": "e2e",
            "deadline_ms": 10_000,
            "tool_sha256": tool_sha256,
        }
        return json.dumps({"tool": tool, "arguments": arguments, "call": call}).encode()

    def execute(self, tool: str, arguments: dict, **signing) -> tuple[int, bytes]:
        """A rightly signed call, but for what `signing` says otherwise."""
        manifest = self.manifest()
        digests = {entry["name"]: entry["digest"] for entry in manifest["tools"]}
        call_id = secrets.token_hex(16)
        body = self.execute_body(tool, arguments, call_id, digests.get(tool, "sha256:" + "0" * 64))
        options = {"call_id": call_id, "instance": manifest["instance"]} | signing
        headers = {"Content-Type": "application/json"}
        return self.send(
            "POST", "/execute", headers | self.sign("POST", "/execute", body, **options), body
        )
