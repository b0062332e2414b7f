"""What is read off running processes: CPU time, requests, latencies, instructions."""

import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

# Prints what wrk counted as one JSON line; latencies in microseconds.
WRK_DONE = """
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"bad":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """A second or so of requests by wrk."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Request:
    """One request, as all servers get it."""

    url: str
    body: str
    headers: dict[str, str]

    def at(self, port: int) -> "Request":
        """The same at another port of this machine."""
        parts = urlsplit(self.url)
        return replace(self, url=parts._replace(netloc=f"{parts.hostname}:{port}").geturl())

    def script(self, path: Path) -> Path:
        lines = ['wrk.method = "POST"', f"wrk.body = {lua(self.body)}"]
        lines += [
            f"wrk.headers[ {lua(name)} ] = {lua(value)}" for name, value in self.headers.items()
        ]
        path.write_text("\n".join(lines) + WRK_DONE)
        return path


def lua(text: str) -> str:
    assert "]==]" not in text
    return f"[==[{text}]==]"


def wrk(request: Request, script: Path, connections: int, seconds: float, core: int | None) -> Load:
    pin = ["taskset", "-c", str(core)] if core is not None else []
    argv = [*pin, "wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
    # Anything slower than this is an error of the run, not a latency.
    argv += ["--timeout", "10s", "-s", str(request.script(script)), request.url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 30)
    counted = json.loads(done.stdout.splitlines()[-1])
    if counted["bad"] or not counted["requests"]:
        raise RuntimeError(
            f"{request.url}: {counted['bad']} of {counted['requests']} requests failed"
        )
    return Load(counted["requests"], counted["microseconds"] / 1e6, counted["p50"], counted["p99"])


def paced_seconds(request: Request, count: int, pause_s: float) -> list[float]:
    """How long each of so many requests took, one after the other on one connection, with a pause
    before each."""
    url = urlsplit(request.url)
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"Content-Length: {len(request.body)}", "", request.body]
    bytes_sent = "\r\n".join(lines).encode()
    times = []
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            time.sleep(pause_s)
            start = time.perf_counter()
            connection.sendall(bytes_sent)
            head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
            length = re.search(rb"^content-length: (\d+)", head, re.MULTILINE | re.IGNORECASE)
            while length and len(body) < int(length[1]):
                body += connection.recv(1 << 16)
            times.append(time.perf_counter() - start)
            if not head.startswith(b"HTTP/1.1 200 ") or b'"error"' in body[:200]:
                raise RuntimeError(f"{head!r} {body[:500]!r}")
    return times


def post_once(request: Request) -> int:
    """The status of its answer, on a connection of its own."""
    url = urlsplit(request.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    try:
        connection.request("POST", url.path, request.body, request.headers)
        return connection.getresponse().status
    finally:
        connection.close()


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat[stat.rindex(")") + 2 :].split()[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Time that the scheduler ran all threads of these processes, kernel time included."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def instructions(callgrind_file: Path) -> int:
    """The total of a callgrind.out file: user instructions of the whole run."""
    found = re.search(r"^(?:summary|totals): (\d+)", callgrind_file.read_text(), re.MULTILINE)
    assert found, f"no total in {callgrind_file}"
    return int(found.group(1))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Iterable[float]) -> float:
    return statistics.median(values)
