"""Made-up access tokens from one address, and what they cost callers from another: an issuer whose
keys the gateway knows, and a flood of tokens that name one of them and are signed by nobody.

    garbage_tokens.py PORT RATE SECONDS [START]    floods; prints how many answers had which status

START is a token up to its signature; without it the requests have no credential at all.
"""

import base64
import http.server
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from measure import Request, cpu_seconds, family, post_once
from servers import CLIENT_CORE, ROLE, Gateway

FLOODER = "127.0.0.2"
CONNECTIONS = 16
#: ES256: 32 bytes each of r and s.
SIGNATURE_BYTES = 64
BODY = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def openssl(*words, data: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *map(str, words)], input=data, capture_output=True, check=True
    ).stdout


def integers_of(der: bytes) -> list[bytes]:
    """The two of an ECDSA signature, 32 bytes each."""
    found, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        found.append(der[at + 2 : at + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + length
    return found


class Issuer:
    """An issuer on loopback with one key."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.key = folder / "issuer.pem"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/realms/bench"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def jwk(self) -> dict:
        point = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-64:]
        coordinates = {"x": base64url(point[:32]), "y": base64url(point[32:])}
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1"} | coordinates

    def handler(issuer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {
                    "/.well-known/openid-configuration": {
                        "issuer": issuer.url,
                        "jwks_uri": f"{issuer.url}/certs",
                    },
                    "/certs": {"keys": [issuer.jwk()]},
                }
                body = json.dumps(documents[self.path.removeprefix("/realms/bench")]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def start_of_token(self) -> str:
        """A token up to its signature, with about what Keycloak says."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "aud": "bench",
            "exp": now + 3600,
            "iat": now,
            "typ": "Bearer",
            "azp": "mcp-client",
            "scope": "openid profile email",
            "preferred_username": "bench",
            "realm_access": {"roles": [ROLE, "offline_access", "uma_authorization"]},
        }
        header = {"alg": "ES256", "typ": "JWT", "kid": "1"}
        return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))

    def token(self) -> str:
        start = self.start_of_token()
        der = openssl("dgst", "-sha256", "-sign", self.key, data=start.encode())
        return f"{start}.{base64url(b''.join(integers_of(der)))}"

    def config(self) -> dict:
        return {"oidc": [{"issuer": self.url, "audience": "bench"}]}


@contextmanager
def flood(gateway: Gateway, rate: int, seconds: float, start: str | None):
    """Runs while the block does; gives the counts of its answers' statuses when that has ended."""
    argv = ["taskset", "-c", str(CLIENT_CORE), sys.executable, __file__]
    argv += [str(gateway.port), str(rate), str(seconds), *([start] if start else [])]
    counts: dict[int, int] = {}
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        yield counts
        output, _ = running.communicate(timeout=seconds + 60)
        assert running.returncode == 0, output
        counts.update({int(status): count for status, count in json.loads(output).items()})
    finally:
        running.kill()
        running.wait()


def cpu_us(gateway: Gateway, rate: int, seconds: float, start: str | None) -> float:
    """Of the gateway for each request of a flood, with nothing else to do."""
    pids = family(gateway.started.pid)
    before = cpu_seconds(pids)
    with flood(gateway, rate, seconds, start) as counts:
        pass
    return (cpu_seconds(pids) - before) / sum(counts.values()) * 1e6


def wait_until_known(request: Request):
    """Until the token of the request works: its issuer's keys are read."""
    deadline = time.monotonic() + 30
    while (status := post_once(request)) != 200:
        if time.monotonic() > deadline:
            raise RuntimeError(f"a good token is answered with {status}")
        time.sleep(0.1)


class Flooder:
    """One connection: its next request is sent when the one before was answered."""

    def __init__(self, port: int):
        self.port = port
        self.answered = True
        self.socket = socket.create_connection(("127.0.0.1", port), 30, (FLOODER, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, start: str | None):
        token = f"{start}.{base64url(secrets.token_bytes(SIGNATURE_BYTES))}"
        credential = f"Authorization: Bearer {token}\r\n" if start else ""
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{credential}"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + BODY)
        self.answered = False

    def status(self) -> int:
        """Of the answer, which is small enough to come whole."""
        answer = self.socket.recv(1 << 16)
        self.answered = True
        return int(answer.split(b" ", 2)[1])


def main() -> int:
    port, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    start = sys.argv[4] if len(sys.argv) > 4 else None
    flooders = [Flooder(port) for _ in range(CONNECTIONS)]
    statuses: Counter[int] = Counter()
    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        flooder = flooders[number % CONNECTIONS]
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        if not flooder.answered:
            statuses[flooder.status()] += 1
        flooder.send(start)
    for flooder in flooders:
        if not flooder.answered:
            statuses[flooder.status()] += 1
    print(json.dumps(statuses))
    return 0


if __name__ == "__main__":
    sys.exit(main())
