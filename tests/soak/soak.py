"""Nothing grows: many calls through `mcpgate up`, and what each of its processes holds meanwhile.

    tests/soak/soak.py [CALLS]          100,000 without a number; a table, exit code 1 if it grew

Most calls are answered; some report progress, fail or crash. What is bounded by time (signatures
are remembered for a minute) fills up first: growth counts from BASE_SHARE of the calls on.
"""

import http.client
import json
import os
import sys
import threading
from dataclasses import dataclass, fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from support.gateway import Gateway, fixture_tools  # noqa: E402
from support.processes import descendants, wait_until  # noqa: E402

CALLS = 100_000
CLIENTS = 2
BASE_SHARE = 0.5
CHECKPOINTS = 10
RSS_GROWTH_BYTES_MAX = 4 << 20
# Connections between gateway and daemon are kept for a while.
FD_GROWTH_MAX = 2
SECONDS_TO_GIVE_BACK = 30


@dataclass
class Holding:
    """What one process, or the folder of temporary files, holds."""

    rss: int = 0
    fds: int = 0
    threads: int = 0
    processes: int = 0
    tmp: int = 0

    def row(self) -> str:
        return (
            f"{self.rss / 2**20:8.1f} {self.fds:6} {self.threads:8} {self.processes:10} {self.tmp:6}"
        )


def holding(pid: int) -> Holding:
    status = Path(f"/proc/{pid}/status").read_text().split("\n")
    number = {line.split(":")[0]: line.split()[1] for line in status if len(line.split()) > 1}
    return Holding(
        rss=int(number["VmRSS"]) * 1024,
        fds=len(os.listdir(f"/proc/{pid}/fd")),
        threads=int(number["Threads"]),
        processes=len(descendants(pid)),
    )


def temporary_entries(daemon: int) -> int:
    """What is in the folders of calls, in the daemon's own root of temporary folders."""
    opened = {Path(os.readlink(link)) for link in Path(f"/proc/{daemon}/fd").iterdir()}
    tops = {path for path in opened if path.name.startswith("mcpgate-sandbox-")}
    # Emptied folders are kept for calls to come: a bounded number, counted as what they hold.
    return sum(1 for top in tops for path in top.rglob("*") if path.parent != top)


def zygotes(daemon: int) -> list[int]:
    found = descendants(daemon)
    return [p.pid for p in found if p.name == "mcpgate-zygote" and p.parent == daemon]


def look(gateway: Gateway) -> dict[str, Holding]:
    daemon = gateway.daemon("trial").pid
    seen = {"gateway": holding(gateway.process.pid), "daemon": holding(daemon)}
    seen["zygote"] = holding(zygotes(daemon)[0])
    seen["daemon"].tmp = temporary_entries(daemon)
    seen["daemon"].tmp += len(list((gateway.state / "calls").glob("*/*")))
    return seen


def settled(gateway: Gateway) -> dict[str, Holding] | None:
    """What is held once no call is left and no zygote takes another one's place."""
    daemon = gateway.daemon("trial").pid
    children = [p for p in descendants(daemon) if p.parent != daemon]
    kept = list((gateway.state / "calls").glob("*/*"))
    if children or kept or len(zygotes(daemon)) != 1:
        return None
    try:
        return look(gateway)
    except (OSError, IndexError):  # Something ended while it was looked at.
        return None


class Load:
    """CLIENTS threads that share a number of calls."""

    def __init__(self, gateway: Gateway, key: str):
        self.gateway = gateway
        self.key = key
        self.lock = threading.Lock()
        self.left = 0
        self.done = 0
        self.failure: Exception | None = None

    def run(self, calls: int):
        self.left = calls
        threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure

    def _client(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        try:
            while (number := self._take()) is not None:
                self._call(connection, number)
        except Exception as failure:  # of the thread, told by run()
            self.failure = failure
        finally:
            connection.close()

    def _take(self) -> int | None:
        with self.lock:
            if self.left == 0 or self.failure:
                return None
            self.left -= 1
            self.done += 1
            return self.done

    def _call(self, connection: http.client.HTTPConnection, number: int):
        tool, arguments = "echo", {"text": f"canary-3f9c {number}"}
        if number % 50 == 0:
            tool, arguments = "exits", {"code": 3}
        elif number % 20 == 0:
            tool, arguments = "raises", {}
        elif number % 10 == 0:
            tool, arguments = "count", {"steps": 3, "pause": 0}
        params = {"name": tool, "arguments": arguments}
        request = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
        }
        connection.request("POST", "/mcp", json.dumps(request), headers)
        answer = connection.getresponse()
        body = answer.read()
        expected = tool in ("exits", "raises")
        is_error = b'"isError":true' in body
        assert answer.status == 200 and is_error == expected, (answer.status, body[:500])


def soak(calls: int, say=print) -> list[str]:
    """What grew, in words; nothing where all is well."""
    gateway = Gateway(fixture_tools()).wait_ready()
    try:
        load = Load(gateway, gateway.known_key("soak", "mcp-tester"))
        say(f"{'calls':>8} {'process':8} {'RSS MiB':>8} {'fds':>6} {'threads':>8} {'processes':>10} tmp")
        samples = []
        for checkpoint in range(1, CHECKPOINTS + 1):
            load.run(calls * checkpoint // CHECKPOINTS - load.done)
            samples.append(wait_until(lambda: settled(gateway), "no call is left"))
            for name, held in samples[-1].items():
                say(f"{load.done:8} {name:8} {held.row()}")
        return what_stays(gateway, samples[int(CHECKPOINTS * BASE_SHARE) - 1])
    finally:
        gateway.close()


def what_stays(gateway: Gateway, base: dict[str, Holding]) -> list[str]:
    """What has grown and is not given back: a connection, a folder, a process may be on its way."""
    problems: list[str] = []

    def is_given_back() -> bool:
        now = settled(gateway)
        if now is not None:
            problems[:] = [each for name in base for each in growth(name, base[name], now[name])]
        return now is not None and not problems

    try:
        wait_until(is_given_back, "nothing has grown", SECONDS_TO_GIVE_BACK)
    except AssertionError:
        return problems or ["no call is left: not so"]
    return []


def growth(name: str, before: Holding, after: Holding) -> list[str]:
    allowed = {"rss": RSS_GROWTH_BYTES_MAX, "fds": FD_GROWTH_MAX}
    return [
        f"{name}: {field.name} grew from {getattr(before, field.name)} to {getattr(after, field.name)}"
        for field in fields(Holding)
        if getattr(after, field.name) - getattr(before, field.name) > allowed.get(field.name, 0)
    ]


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    problems = soak(calls, lambda line: print(line, flush=True))
    for problem in problems:
        print(problem)
    print(f"{0 if problems else 1} passed, {1 if problems else 0} failed, 0 skipped")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
