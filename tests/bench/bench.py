"""make bench: what a call costs, as ratios in one interleaved run.

    bench.py [--quick] [--write]    --quick: few rounds, for a look; --write: docs/benchmarks.md too

1. CPU per request of the gateway and of nginx `proxy_pass`, in front of the same canned sandbox, by
   TCP and by a unix socket. Server on core 1; wrk and the canned sandbox on core 0. A round visits
   all servers in random order; the ratio is taken within a round; the median of the rounds counts.
2. The same of what the gateway answers by itself (own_answers.py), beside nginx in front of a
   server that answers with the same bytes.
3. User instructions per request under callgrind: two runs of N and 2N requests, difference / N.
4. Latency that the gateway adds at one connection: with it less without it.
5. Open streams for notifications: memory of one, and the time from a change of the configuration
   until the last of them has been told that the list of tools has changed.
6. A confined call of a small tool through the real gateway and sandbox, beside the same tool body
   run by `bwrap … python3 -I`.
7. The lock-down of a child, and the end of one that is killed (sandbox.cc).
8. Latency of callers whose tokens are known while made-up tokens come from another address
   (garbage_tokens.py), beside the same without them, on a gateway with one loop.
9. Who calls, and one decision of the policy, by Google Benchmark (authentication.cc,
   decision.cc).

Ends with 1 when a row is below its floor.
"""

import argparse
import http.client
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import garbage_tokens
import own_answers
import servers
import streams
from measure import Request, cpu_seconds, family, instructions, median, paced_seconds, percentile, wrk
from servers import BENCH, CLIENT_CORE, ROOT

CONNECTIONS = 32
# The generator is fixed: the order of the servers is random, and the same in each run.
SEED = 20261122
READY_CHILDREN = 2
#: Between two calls that find a child ready: enough for another one to get ready.
PAUSE_S = 0.005
#: Made-up tokens a second, and connections of the good callers beside them.
GARBAGE_RATE = 2_000
GARBAGE_CONNECTIONS = 8


@dataclass
class Row:
    """One measured value, and what it should be. Ratios: higher is better; others: lower."""

    what: str
    value: float
    unit: str = ""
    floor: float | None = None
    target: float | None = None
    higher_is_better: bool = True
    note: str = ""

    def reaches(self, bound: float) -> bool:
        return self.value >= bound if self.higher_is_better else self.value <= bound

    @property
    def verdict(self) -> str:
        if self.floor is not None and not self.reaches(self.floor):
            return "BELOW FLOOR"
        if self.target is not None and not self.reaches(self.target):
            return "below target"
        return "PASS" if self.floor is not None or self.target is not None else ""

    def cells(self) -> list[str]:
        def number(value: float | None) -> str:
            if value is None:
                return ""
            return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"

        value = f"{number(self.value)} {self.unit}".rstrip()
        return [self.what, value, number(self.floor), number(self.target), self.verdict, self.note]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: what it is asked, and the processes that work for it."""

    request: Request
    pids: list[int]


def arguments_json() -> str:
    """Arguments which bring the whole tools/call to about 2 KB."""
    arguments = {
        "query": ("connection reset by peer while reading from the upstream of checkout " * 20)[
            :1490
        ],
        "services": [f"service-{number}" for number in range(30)],
        "level": "error",
        "limit": 100,
        "since": "2026-11-22T00:00:00Z",
    }
    return json.dumps(arguments)


def call_request(url: str, key: str, tool: str, arguments: str) -> Request:
    start = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    body = f'{start}{{"name":"{tool}","arguments":{arguments}}}}}'
    headers = {  # With Host and Content-Length, which wrk adds, eight.
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {key}",
        "MCP-Protocol-Version": "2025-11-25",
        "User-Agent": "bench/1.0",
        "Accept-Language": "en",
    }
    return Request(url, body, headers)


class Bench:
    def __init__(self, folder: Path, quick: bool):
        self.folder = folder
        self.quick = quick
        self.script = folder / "wrk.lua"
        self.rows: list[Row] = []
        self.started: list[servers.Started] = []
        self.random = random.Random(SEED)

    def say(self, text: str):
        print(f"… {text}", file=sys.stderr, flush=True)

    def run(self):
        canned, port, path = servers.start_canned(self.folder / "canned")
        self.started.append(canned)
        self.measure_start(path)
        self.compare_with_nginx(port, path)
        self.compare_own_answers()
        self.measure_long_list()
        self.count_instructions(path)
        self.measure_streams(path)
        self.measure_confined_call()
        self.measure_child()
        self.measure_garbage_tokens(path)
        self.measure_decisions()

    def stop(self):
        for started in reversed(self.started):
            started.stop()

    def gateway(self, name: str, sandbox: str, **options) -> servers.Gateway:
        gateway = servers.start_gateway(self.folder / name, sandbox, **options)
        self.started.append(gateway.started)
        return gateway

    def measure_start(self, path: Path):
        self.say("from start to ready")
        rounds = 3 if self.quick else 9
        gateways, whole, idle_mib = [], [], []
        for number in range(rounds):
            started = self.gateway(f"start-{number}", f"unix:{path}", core=None).started
            gateways.append(started.seconds_to_ready * 1000)
            idle_mib.append(memory_mib(started.pid, "Rss"))
            started.stop()
            two_sets = (ROOT / "tools" / "log-analysis",)
            up = servers.start_up(self.folder / f"up-{number}", "strict", 2, two_sets)
            whole.append(up.started.seconds_to_ready)
            up.started.stop()
        self.rows += [
            Row("start to ready, the gateway", median(gateways), "ms", None, 100, False),
            Row("start to ready, `mcpgate up` with two tool sets", median(whole), "s", None, 2, False),
            Row("memory of an idle gateway", median(idle_mib), "MiB", None, 20, False),
        ]

    def compare_with_nginx(self, port: int, path: Path):
        nginx, nginx_port = servers.start_nginx(self.folder / "nginx", port)
        self.started.append(nginx)
        tcp = self.gateway("tcp", f"http://127.0.0.1:{port}")
        unix = self.gateway("unix", f"unix:{path}")
        arguments = arguments_json()
        by_tcp = call_request(tcp.url, tcp.key, servers.TOOL, arguments)
        by_unix = call_request(unix.url, unix.key, servers.TOOL, arguments)
        sides = {
            "nginx": Side(by_tcp.at(nginx_port), family(nginx.pid)),
            "tcp": Side(by_tcp, family(tcp.started.pid)),
            "unix": Side(by_unix, family(unix.started.pid)),
        }
        direct = call_request(f"http://127.0.0.1:{port}/execute", tcp.key, servers.TOOL, arguments)
        self.say(f"CPU per request beside nginx, a request of {len(by_tcp.body)} bytes")
        wanted = [
            ("tcp", "nginx's CPU per request ÷ ours, TCP upstream", 0.8, 1.0),
            ("unix", "nginx's CPU per request ÷ ours, unix upstream", None, 1.25),
        ]
        self.compare_cpu(wanted, sides)
        self.say("added latency at one connection")
        self.compare_latency(by_tcp, by_unix, by_tcp.at(nginx_port), direct)
        for started in (nginx, tcp.started, unix.started):
            started.stop()

    def compare_own_answers(self):
        self.say("CPU per request of what the gateway answers by itself")
        sandbox, _, path = servers.start_canned(
            self.folder / "own-sandbox", servers.manifest(own_answers.TOOLS)
        )
        self.started.append(sandbox)
        gateway = self.gateway("own", f"unix:{path}")
        for method in own_answers.METHODS:
            request = own_answers.request(gateway, method)
            folder = self.folder / method.name
            same = own_answers.answer(gateway, request)
            canned, port, _ = servers.start_canned(folder / "canned", answer=same)
            nginx, nginx_port = servers.start_nginx(folder / "nginx", port)
            self.started += [canned, nginx]
            sides = {
                "nginx": Side(request.at(nginx_port), family(nginx.pid)),
                "gateway": Side(request, family(gateway.started.pid)),
            }
            what = f"nginx's CPU per request ÷ ours, {method.what}"
            self.compare_cpu([("gateway", what, None, 1.5)], sides)
            nginx.stop()
            canned.stop()
        gateway.started.stop()
        sandbox.stop()

    def measure_long_list(self):
        sandbox, _, path = servers.start_canned(
            self.folder / "many-sandbox", servers.manifest(own_answers.MANY_TOOLS)
        )
        self.started.append(sandbox)
        gateway = self.gateway("many", f"unix:{path}")
        request = own_answers.request(gateway, own_answers.LONG_LIST)
        size = len(own_answers.answer(gateway, request))
        side = Side(request, family(gateway.started.pid))
        loads = [self.load(side, 1) for _ in range(3)]
        note = f"{size / 1024:,.0f} KiB"
        what = f"CPU of a {own_answers.LONG_LIST.what}"
        self.rows.append(Row(what, median(us for us, _ in loads) / 1e3, "ms", None, 2, False, note))
        gateway.started.stop()
        sandbox.stop()

    def load(self, side: Side, seconds: float) -> tuple[float, float]:
        """Microseconds of CPU per request, and requests per second."""
        before = cpu_seconds(side.pids)
        load = wrk(side.request, self.script, CONNECTIONS, seconds, CLIENT_CORE)
        return (cpu_seconds(side.pids) - before) / load.requests * 1e6, load.rate

    def compare_cpu(
        self, wanted: list[tuple[str, str, float | None, float]], sides: dict[str, Side]
    ):
        """A row for each (side, what it is, floor, target): the CPU of side `nginx` ÷ its own."""
        rounds, seconds = (3, 1) if self.quick else (8, 2)
        for side in sides.values():  # Pools fill, caches warm.
            self.load(side, 1)
        loads = {name: [] for name in sides}
        for _ in range(rounds):
            for name in self.random.sample(list(sides), len(sides)):
                loads[name].append(self.load(sides[name], seconds))
        cost = {name: [us for us, _ in loads[name]] for name in sides}
        rate = {name: median(rate for _, rate in loads[name]) for name in sides}
        for name, what, floor, target in wanted:
            ratios = [theirs / ours for theirs, ours in zip(cost["nginx"], cost[name], strict=True)]
            note = (
                f"{min(ratios):.2f}–{max(ratios):.2f} in {rounds} rounds; "
                f"{median(cost[name]):.1f} µs against {median(cost['nginx']):.1f} µs; "
                f"{rate[name]:,.0f} against {rate['nginx']:,.0f} req/s"
            )
            self.rows.append(Row(what, median(ratios), "", floor, target, note=note))

    def compare_latency(self, tcp: Request, unix: Request, nginx: Request, direct: Request):
        """At one connection the median of wrk's p50 (p99) of each, less that of the canned
        sandbox; nginx beside them says how much of it is two processes waking each other."""
        rounds = 2 if self.quick else 6
        requests = {"tcp": tcp, "unix": unix, "nginx": nginx, "direct": direct}
        loads = {name: [] for name in requests}
        for _ in range(rounds):
            for name in self.random.sample(list(requests), len(requests)):
                loads[name].append(wrk(requests[name], self.script, 1, 1, CLIENT_CORE))
        for name in ("tcp", "unix"):
            for share, target in (("p50_us", 60), ("p99_us", 300)):
                ours, bare, nginx_us = (
                    median([getattr(load, share) for load in loads[side]])
                    for side in (name, "direct", "nginx")
                )
                what = f"added latency at 1 connection, {share[:3]}, {name} upstream"
                note = (
                    f"{ours:.0f} µs with the gateway, {bare:.0f} µs without, "
                    f"{nginx_us:.0f} µs with nginx instead"
                )
                self.rows.append(Row(what, ours - bare, "µs", None, target, False, note))

    def count_instructions(self, path: Path):
        count = 300 if self.quick else 1000
        self.say(f"user instructions under callgrind: {count} and {2 * count} requests")
        totals = [self.callgrind(path, number) for number in (count, 2 * count)]
        per_request = (totals[1] - totals[0]) / count
        note = f"unix upstream; ({totals[1]:,} − {totals[0]:,}) ÷ {count}"
        self.rows.append(
            Row("user instructions per request", per_request, "", None, 45_000, False, note)
        )

    def callgrind(self, path: Path, count: int) -> int:
        out = self.folder / f"callgrind.{count}"
        # Debian's valgrind cannot read clang's debug information, and gives up when it tries.
        program = self.folder / "mcpgate-stripped"
        subprocess.run(["strip", "--strip-debug", "-o", program, servers.MCPGATE], check=True)
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "-q", program]
        gateway = self.gateway(f"callgrind-{count}", f"unix:{path}", command=command, core=None)
        request = call_request(gateway.url, gateway.key, servers.TOOL, arguments_json())
        post_many(gateway.port, request, count)
        gateway.started.stop()
        return instructions(out)

    def measure_streams(self, path: Path):
        count = 1_000 if self.quick else 10_000
        self.say(f"{count} open streams")
        limits = {"streamsPerPrincipal": count + 1}
        gateway = self.gateway("streams", f"unix:{path}", core=None, limits=limits)
        each, times = streams.measure(gateway, count)
        gateway.started.stop()
        self.rows.append(Row(f"memory of one of {count:,} streams", each, "KiB", None, 30, False))
        note = f"{min(times):.2f}–{max(times):.2f} s in {len(times)} changes"
        what = f"a changed list reaches {count:,} streams"
        self.rows.append(Row(what, median(times), "s", None, 1, False, note))

    def measure_confined_call(self):
        text = ("10.0.0.1 said hello to 192.168.17.4; version 1.2.3; " * 20)[:1000]
        requests = {}
        for name, ready_children in (("pod", 0), ("strict", 0), ("ready", READY_CHILDREN)):
            profile = "strict" if name == "strict" else "pod"
            up = servers.start_up(self.folder / name, profile, ready_children)
            self.started.append(up.started)
            request = call_request(up.url, up.key, "addresses", json.dumps({"text": text}))
            expected = len(first_result(up.port, request)["structuredContent"]["result"])
            if (found := self.profile_of(up)) == profile:
                requests[name] = request
            else:
                self.say(f"no row for profile {profile}: it is {found} here")
        self.say("a confined call beside bwrap")
        confined, by_bwrap = self.interleave_confined(requests, text, expected)
        p50 = {
            what: median([load.p50_us for load in loads]) / 1000 for what, loads in confined.items()
        }
        targets = {"pod": (1.8, 2.6, 700), "strict": (2.2, None, 450)}
        for profile in (name for name in requests if name != "ready"):
            for places, target in zip((1, 2), targets[profile], strict=False):
                loads = confined[profile, places]
                p99 = median([load.p99_us for load in loads]) / 1000
                rate = median([load.rate for load in loads])
                what = f"confined call, p50, {places} in flight, profile {profile}"
                note = f"p99 {p99:.2f} ms; {rate:,.0f} calls/s"
                self.rows.append(Row(what, p50[profile, places], "ms", None, target, False, note))
            best = max(load.rate for load in confined[profile, 2])
            what = f"confined calls per second, profile {profile}"
            self.rows.append(Row(what, best, "/s", None, targets[profile][2]))
        bwrap_ms = median(by_bwrap) * 1000
        note = f"bwrap p50 {bwrap_ms:.1f} ms, p99 {percentile(by_bwrap, 0.99) * 1000:.1f} ms"
        self.rows.append(
            Row(
                "bwrap's p50 ÷ that of a confined call at 1 in flight, profile pod",
                bwrap_ms / p50["pod", 1],
                "",
                5,
                8,
                note=note,
            )
        )
        what = f"confined call, p50, profile pod, with {READY_CHILDREN} children kept ready"
        pause = f"a call each {PAUSE_S * 1000:.0f} ms"
        paced_ms = [seconds * 1000 for seconds in self.paced]
        note = f"{pause}; p99 {percentile(paced_ms, 0.99):.2f} ms"
        self.rows.append(Row(what, median(paced_ms), "ms", None, 0.9, False, note))
        note = "each right after the other: no child has the time to get ready"
        self.rows.append(Row(what, p50["ready", 1], "ms", None, None, False, note))
        self.rows.append(Row("memory of a waiting child", waiting_child_mib(up), "MiB"))
        what = "memory of a sandbox: daemon and zygote"
        self.rows.append(Row(what, sandbox_mib(up), "MiB", None, 60, False))

    def measure_child(self):
        self.say("lock-down, and kill to reaped")
        folder = self.folder / "child"
        folder.mkdir()
        done = subprocess.run(
            [servers.BUILD / "bench" / "sandbox_bench", folder, "40" if self.quick else "200"],
            stdout=subprocess.PIPE,
            check=True,
        )
        times_ms = {
            name: [us / 1000 for us in times] for name, times in json.loads(done.stdout).items()
        }
        for name, what, target in (
            ("lock_down_pod", "lock-down itself, profile pod", 0.25),
            ("lock_down_strict", "lock-down itself, profile strict", 0.25),
            ("cancelled", "kill to reaped, a cancelled call", 5),
            ("timed_out", "kill to reaped, from the deadline on", 5),
        ):
            if times := times_ms[name]:
                note = f"p99 {percentile(times, 0.99):.2f} ms; {len(times)} children"
                self.rows.append(Row(what, median(times), "ms", None, target, False, note))
            else:
                self.say(f"no row for {what}: it cannot be had here")

    def measure_garbage_tokens(self, path: Path):
        """p99 of good callers with a flood ÷ without, on the one loop that both meet. Beside it the
        same where the limit is too high to matter, and with requests that have no token at all."""
        self.say("made-up tokens from another address")
        rounds, seconds = (3, 2) if self.quick else (8, 3)
        issuer = garbage_tokens.Issuer(self.folder / "garbage-issuer")
        limited = self.gateway("garbage", f"unix:{path}", auth=issuer.config())
        high = {"badTokensPerPeer": 1_000_000}
        unlimited = self.gateway("garbage-all", f"unix:{path}", auth=issuer.config(), limits=high)
        start, token = issuer.start_of_token(), issuer.token()
        sides = {
            "quiet": (limited, None, 0),
            "limited": (limited, start, GARBAGE_RATE),
            "bare": (limited, None, GARBAGE_RATE),
            "quiet, no limit": (unlimited, None, 0),
            "no limit": (unlimited, start, GARBAGE_RATE),
        }
        p99 = {name: [] for name in sides}
        statuses: dict[str, list[dict[int, int]]] = {name: [] for name in sides}
        for gateway in (limited, unlimited):
            request = call_request(gateway.url, token, servers.TOOL, arguments_json())
            garbage_tokens.wait_until_known(request)
        for _ in range(rounds):
            for name in self.random.sample(list(sides), len(sides)):
                gateway, sent, rate = sides[name]
                request = call_request(gateway.url, token, servers.TOOL, arguments_json())
                with garbage_tokens.flood(gateway, rate, seconds, sent) as counts:
                    load = wrk(request, self.script, GARBAGE_CONNECTIONS, seconds, CLIENT_CORE)
                p99[name].append(load.p99_us)
                statuses[name].append(counts)
        ratios = {
            name: [a / b for a, b in zip(p99[name], p99[base], strict=True)]
            for name, base in (("limited", "quiet"), ("bare", "quiet"), ("no limit", "quiet, no limit"))
        }
        refused = sum(counts.get(429, 0) for counts in statuses["limited"])
        every = sum(sum(counts.values()) for counts in statuses["limited"])
        assert not any(200 in counts for each in statuses.values() for counts in each)
        note = (
            f"{min(ratios['limited']):.2f}–{max(ratios['limited']):.2f} in {rounds} rounds; "
            f"{median(p99['limited']):.0f} µs against {median(p99['quiet']):.0f} µs; {GARBAGE_RATE:,} a "
            f"second, {refused / every:.0%} not looked at; {median(ratios['no limit']):.2f} without the "
            f"limit, {median(ratios['bare']):.2f} for as many requests without a token"
        )
        what = "good callers' p99 with made-up tokens from another address ÷ without"
        self.rows.append(Row(what, median(ratios["limited"]), "", None, 1.2, False, note))
        costs = {
            name: garbage_tokens.cpu_us(gateway, GARBAGE_RATE, seconds, sent)
            for name, (gateway, sent, rate) in sides.items()
            if rate
        }
        note = f"{costs['no limit']:.0f} µs where each is; {costs['bare']:.0f} µs of a request without one"
        what = "CPU of a made-up token that is not looked at, its request included"
        self.rows.append(Row(what, costs["limited"], "µs", None, None, False, note))
        for gateway in (limited, unlimited):
            gateway.started.stop()

    def measure_decisions(self):
        self.say("who calls, and one decision")
        targets = {"api_key": 1.0, "cached_token/alone": 1.0, "cold_token/ES256": 60.0}
        for name, us in google_benchmark("authentication_bench").items():
            what = f"who calls, {name.replace('/', ' ').replace('_', ' ')}"
            self.rows.append(Row(what, us, "µs", None, targets.get(name), False))
        for name, us in google_benchmark("decision_bench").items():
            what = f"one decision, 1,000 tools, {name.partition('/')[2].replace('_', ' ')}"
            target = None if "on_one_set" in name else 2.0
            self.rows.append(Row(what, us, "µs", None, target, False))

    def profile_of(self, up: servers.Gateway) -> str:
        """The isolation that the audit names for the first call."""
        for path in (up.started.folder / "audit").glob("*.jsonl"):
            for line in path.read_text().splitlines():
                if profile := json.loads(line).get("profile"):
                    return profile
        raise RuntimeError("no call is in the audit log")

    def interleave_confined(self, requests: dict[str, Request], text: str, expected: int):
        """Loads by what answers and how many calls are in flight; bwrap's times."""
        rounds = 2 if self.quick else 6
        self.paced: list[float] = []
        places = {name: (1,) if name == "ready" else (1, 2) for name in requests}
        confined = {(name, count): [] for name in requests for count in places[name]}
        by_bwrap: list[float] = []
        for _ in range(rounds):
            for what in self.random.sample([*confined, "bwrap", "paced"], len(confined) + 2):
                if what == "paced":
                    self.paced += paced_seconds(requests["ready"], 200, PAUSE_S)
                elif what == "bwrap":
                    by_bwrap += [bwrap_seconds(text, expected) for _ in range(10)]
                else:
                    name, count = what
                    confined[what].append(wrk(requests[name], self.script, count, 1, None))
        return confined, by_bwrap


def google_benchmark(program: str) -> dict[str, float]:
    """Microseconds of CPU of each of its benchmarks."""
    done = subprocess.run(
        [servers.BUILD / "bench" / program, "--benchmark_format=json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout)["benchmarks"]
    assert not any(each.get("error_occurred") for each in found), found
    return {each["name"]: each["cpu_time"] / 1000 for each in found}


def post_many(port: int, request: Request, count: int):
    """The same request, one after the other on one connection; every answer is checked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(count):
        connection.request("POST", "/mcp", request.body, request.headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or b'"error"' in body[:200]:
            raise RuntimeError(f"{answer.status} {body[:500]!r}")
    connection.close()


def first_result(port: int, request: Request) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/mcp", request.body, request.headers)
    message = json.loads(connection.getresponse().read())
    connection.close()
    result = message.get("result")
    if not result or result.get("isError"):
        raise RuntimeError(f"the tool does not work: {message}")
    return result


def memory_mib(pid: int, what: str) -> float:
    """`Rss`, `Pss`, `Private_Dirty` as proc(5) has them. Of what may not be dumped, for root alone."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(rf"^{what}:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found, f"no {what} of {pid}"
    return int(found[1]) / 1024


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def sandbox_mib(up: servers.Gateway) -> float:
    """What daemon and zygote have together, children that wait aside."""
    both = [
        pid
        for pid in family(up.started.pid)
        if name_of(pid) == "mcpgate-sandbox"
        or (name_of(pid) == "mcpgate-zygote" and name_of(parent_of(pid)) == "mcpgate-sandbox")
    ]
    assert len(both) == 2, both
    return sum(memory_mib(pid, "Rss") for pid in both)


def waiting_child_mib(up: servers.Gateway) -> float:
    """What one child that waits has for itself: its private pages."""
    time.sleep(1)  # Those that served are gone then.
    waiting = [p for p in family(up.started.pid) if name_of(parent_of(p)) == "mcpgate-zygote"]
    return median([memory_mib(pid, "Private_Dirty") for pid in waiting])


# What bwrap starts: the same tool body in a fresh interpreter; text in, count of addresses out.
BWRAP = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "/usr/bin/python3", "-I", "-c"]
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True\n"
    "from body import find_addresses\n"
    "print(len(find_addresses(sys.stdin.read())))"
)


def bwrap_seconds(text: str, expected: int) -> float:
    started = time.monotonic()
    argv = [*BWRAP, PROGRAM, str(BENCH / "tools" / "bench")]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
    seconds = time.monotonic() - started
    if int(done.stdout) != expected:
        raise RuntimeError(f"bwrap found {done.stdout}, the confined tool {expected}")
    return seconds


HEADINGS = ["what", "measured", "floor", "target", "", "note"]


def print_table(rows: list[Row]):
    cells = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    for line in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "src", "harness")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


MARK_BEGIN, MARK_END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
PAGE = """# Benchmarks

What `make bench` measures, and how: tests/bench/bench.py says it above its first line of code.
Ratios are taken within one interleaved run, since the numbers of a shared machine move by
themselves; above 1 means that we are cheaper. Floors fail `make bench`; targets are where we want
to be.

{begin}
{end}
"""


def write_page(rows: list[Row]):
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text() if page.exists() else PAGE.format(begin=MARK_BEGIN, end=MARK_END)
    lines = [
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit()}, {cpu_model()}, "
        f"{len(os.sched_getaffinity(0))} cores, Linux {platform.release()}:",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
    ]
    before, _, rest = text.partition(MARK_BEGIN)
    after = rest.partition(MARK_END)[2]
    page.write_text(f"{before}{MARK_BEGIN}\n" + "\n".join(lines) + f"\n{MARK_END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, not a result")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mcpgate-bench-", dir="/tmp"))
    bench = Bench(folder, options.quick)
    try:
        bench.run()
    finally:
        bench.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print_table(bench.rows)
    if options.write:
        write_page(bench.rows)
    return 1 if any(row.verdict == "BELOW FLOOR" for row in bench.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
