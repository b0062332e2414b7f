#!/usr/bin/env python3
"""A Kubernetes API server as far as Secrets go: create, list, watch and merge patch of core/v1.

It keeps what clients rely on (Kubernetes API concepts): one resourceVersion over all objects, lists
in pages that are of one version, watches that begin behind a version and follow a label selector,
bookmarks, 410 for a version that was compacted, conflicts, and Status objects for errors.

As a program it serves until killed and prints its URL. `POST /double/…` makes trouble:
compact (every version up to now is gone), disconnect (open watches are cut), expire (open watches
get an ERROR event of code 410), bookmark (all watches get one), forget-token/TOKEN (only TOKEN is
accepted from now on), fail/STATUS (every list and watch from now on) and slow/SECONDS (every
request); 0 ends those.
"""

import base64
import binascii
import json
import queue
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")
COLLECTION = re.compile(r"/api/v1/namespaces/([^/]+)/secrets\Z")
OBJECT = re.compile(r"/api/v1/namespaces/([^/]+)/secrets/([^/]+)\Z")
NAMESPACES = ("mcp-api-keys", "mcp-shared")
CUT = object()


def selected(secret: dict, selector: list[tuple[str, str]]) -> bool:
    labels = secret["metadata"].get("labels", {})
    return all(labels.get(key) == value for key, value in selector)


def merged(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class Refused(Exception):
    def __init__(self, code: int, reason: str):
        self.code = code
        self.reason = reason


class Cluster:
    """All objects, their history, and who watches it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.version = 1000
        self.secrets: dict[tuple[str, str], dict] = {}
        self.history: list[tuple[int, str, dict | None, dict]] = []
        self.compacted = 0
        self.pages: dict[str, tuple[int, list[dict]]] = {}
        self.watches: list[queue.Queue] = []
        self.token: str | None = None
        self.failing = 0
        self.slow = 0.0
        self.requests: list[str] = []

    def check(self, secret: dict):
        meta = secret.get("metadata", {})
        if not NAME.match(meta.get("name", "")):
            raise Refused(422, "Invalid")
        if not all(LABEL.match(value) for value in meta.get("labels", {}).values()):
            raise Refused(422, "Invalid")
        try:
            for value in secret.get("data", {}).values():
                base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError):
            raise Refused(400, "BadRequest") from None

    def put(self, namespace: str, secret: dict | None, old: dict | None):
        """Stores a Secret, or removes it, and tells the watches. The lock is held."""
        self.version += 1
        shown = secret if secret is not None else dict(old, metadata=dict(old["metadata"]))
        shown["metadata"]["resourceVersion"] = str(self.version)
        key = (namespace, shown["metadata"]["name"])
        if secret is None:
            del self.secrets[key]
        else:
            self.secrets[key] = secret
        event = (self.version, namespace, old, shown if secret is not None else None, shown)
        self.history.append(event)
        for watch in self.watches:
            watch.put(event)

    def create(self, namespace: str, secret: dict) -> dict:
        self.check(secret)
        with self.lock:
            if (namespace, secret["metadata"]["name"]) in self.secrets:
                raise Refused(409, "AlreadyExists")
            secret["metadata"]["namespace"] = namespace
            self.put(namespace, secret, None)
            return secret

    def patch(self, namespace: str, name: str, patch: dict) -> dict:
        with self.lock:
            old = self.secrets.get((namespace, name))
            if old is None:
                raise Refused(404, "NotFound")
            wanted = patch.get("metadata", {}).get("resourceVersion")
            if wanted is not None and wanted != old["metadata"]["resourceVersion"]:
                raise Refused(409, "Conflict")
            new = merged(old, patch)
            self.check(new)
            self.put(namespace, new, old)
            return new

    def delete(self, namespace: str, name: str) -> dict:
        with self.lock:
            old = self.secrets.get((namespace, name))
            if old is None:
                raise Refused(404, "NotFound")
            self.put(namespace, None, old)
            return old

    def page(self, namespace: str, selector, limit: int, token: str) -> dict:
        with self.lock:
            if token:
                if token not in self.pages or self.pages[token][0] <= self.compacted:
                    raise Refused(410, "Expired")
                version, left = self.pages.pop(token)
            else:
                version = self.version
                left = [
                    secret
                    for (where, _), secret in sorted(self.secrets.items())
                    if where == namespace and selected(secret, selector)
                ]
            page, rest = (left[:limit], left[limit:]) if limit else (left, [])
            metadata = {"resourceVersion": str(version)}
            if rest:
                metadata["continue"] = base64.urlsafe_b64encode(
                    f"{version}/{rest[0]['metadata']['name']}/{time.monotonic_ns()}".encode()
                ).decode()
                metadata["remainingItemCount"] = len(rest)
                self.pages[metadata["continue"]] = (version, rest)
            return {"kind": "SecretList", "apiVersion": "v1", "metadata": metadata, "items": page}

    def watch(self, since: int) -> queue.Queue:
        with self.lock:
            if since < self.compacted:
                raise Refused(410, "Expired")
            watch = queue.Queue()
            for event in self.history:
                if event[0] > since:
                    watch.put(event)
            self.watches.append(watch)
            return watch

    def tell(self, what):
        with self.lock:
            for watch in self.watches:
                watch.put(what)

    def trouble(self, words: list[str]):
        match words:
            case ["compact"]:
                with self.lock:
                    self.compacted = self.version
                    self.version += 1
            case ["disconnect"]:
                self.tell(CUT)
            case ["expire"]:
                self.tell("expire")
            case ["bookmark"]:
                self.tell("bookmark")
            case ["forget-token", token]:
                self.token = token
            case ["fail", status]:
                self.failing = int(status)
            case ["slow", seconds]:
                self.slow = float(seconds)
            case _:
                raise Refused(404, "NotFound")


def as_event(event, namespace: str, selector) -> dict | None:
    """What a watch of that selector sees of a change: leaving the selection is a deletion."""
    _, where, old, new, shown = event
    if where != namespace:
        return None
    was = old is not None and selected(old, selector)
    now = new is not None and selected(new, selector)
    kind = {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}
    return {"type": kind[was, now], "object": shown} if was or now else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An event is small and must not wait for the acknowledgement of the one before.
    disable_nagle_algorithm = True
    cluster: Cluster

    def log_message(self, *_):
        pass

    def answer(self, status: int, body: dict):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if url.path.startswith("/double/"):
                self.cluster.trouble(unquote(url.path).split("/")[2:])
                return self.answer(200, {})
            self.cluster.requests.append(f"{self.command} {self.path}")
            time.sleep(self.cluster.slow)
            if self.cluster.failing and self.command == "GET":
                raise Refused(self.cluster.failing, "InternalError")
            token = self.cluster.token
            if token is not None and self.headers.get("Authorization") != f"Bearer {token}":
                raise Refused(401, "Unauthorized")
            self.route(url.path, parse_qs(url.query), body)
        except Refused as refused:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
            self.answer(refused.code, status | {"reason": refused.reason, "code": refused.code})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = serve

    def route(self, path: str, query: dict, body: bytes):
        one = OBJECT.match(path)
        many = COLLECTION.match(path)
        namespace = (one or many).group(1) if one or many else None
        if namespace not in NAMESPACES:
            raise Refused(404, "NotFound")
        if one and self.command == "PATCH":
            if self.headers.get("Content-Type") != "application/merge-patch+json":
                raise Refused(415, "UnsupportedMediaType")
            return self.answer(200, self.cluster.patch(namespace, one[2], json.loads(body)))
        if one and self.command == "DELETE":
            return self.answer(200, self.cluster.delete(namespace, one[2]))
        if many and self.command == "POST":
            return self.answer(201, self.cluster.create(namespace, json.loads(body)))
        if not many or self.command != "GET":
            raise Refused(405, "MethodNotAllowed")
        selector = [
            tuple(part.split("=", 1))
            for part in query.get("labelSelector", [""])[0].split(",")
            if part
        ]
        if query.get("watch", ["false"])[0] in ("1", "true"):
            return self.watch(namespace, selector, query)
        limit = int(query.get("limit", ["0"])[0])
        token = query.get("continue", [""])[0]
        return self.answer(200, self.cluster.page(namespace, selector, limit, token))

    def watch(self, namespace: str, selector, query: dict):
        seconds = int(query.get("timeoutSeconds", ["1800"])[0])
        bookmarks = query.get("allowWatchBookmarks", ["false"])[0] == "true"
        watch = self.cluster.watch(int(query.get("resourceVersion", ["0"])[0]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                try:
                    event = watch.get(timeout=left)
                except queue.Empty:
                    break
                if event is CUT:
                    self.close_connection = True
                    return
                if event == "expire":
                    gone = {"kind": "Status", "code": 410, "reason": "Expired"}
                    self.chunk({"type": "ERROR", "object": gone})
                    break
                if event == "bookmark":
                    if bookmarks:
                        self.bookmark()
                    continue
                shown = as_event(event, namespace, selector)
                if shown:
                    self.chunk(shown)
            else:
                if bookmarks:
                    self.bookmark()
            self.wfile.write(b"0\r\n\r\n")
        finally:
            with self.cluster.lock:
                self.cluster.watches.remove(watch)

    def bookmark(self):
        metadata = {"resourceVersion": str(self.cluster.version)}
        self.chunk({"type": "BOOKMARK", "object": {"kind": "Secret", "metadata": metadata}})

    def chunk(self, event: dict):
        data = json.dumps(event).encode() + b"\n"
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


class KubernetesApi:
    """The server, on a thread of its own."""

    def __init__(self, certificates=None):
        self.cluster = Cluster()
        handler = type("BoundHandler", (Handler,), {"cluster": self.cluster})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        scheme = "http"
        if certificates:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificates)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.cluster.tell(CUT)
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    print(KubernetesApi().url, flush=True)
    sys.stdin.read()  # Ends with whoever started it.
