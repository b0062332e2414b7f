"""What must not be told apart is answered by the same bytes and by the same work: an unknown key and
one with a wrong secret, a hidden tool and one that does not exist. Work is counted in instructions,
which no other load of the machine changes."""

import json
import re
import secrets
import shutil
import socket
import subprocess
import threading
import zlib

import pytest
from support import BIN
from support.gateway import Gateway, SandboxDaemon, fixture_tools
from support.processes import free_port

# A thousand between them: what else a gateway does, more of it on a busy machine, hardly counts.
FEW, MANY = 100, 1_100
#: Of one request; the rest is what a gateway does by itself.
DIFFERENCE_MAX = 0.02
# What counts up, or is of the moment.
OWN = re.compile(rb"(?mi)^(?:date|x-request-id): [^\r]*\r\n")

TESTERS = {"trial": "mcp-tester", "dba": "mcp-dba"}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Debian's valgrind cannot read the debug information of our compiler."""
    assert shutil.which("valgrind"), "no valgrind: dev/setup.sh test"
    stripped = tmp_path_factory.mktemp("equal-work") / "mcpgate"
    subprocess.run(["strip", "--strip-debug", "-o", stripped, BIN / "mcpgate"], check=True)
    return stripped


@pytest.fixture(scope="module")
def daemons():
    started = {name: SandboxDaemon(fixture_tools() / name).wait_ready() for name in TESTERS}
    yield started
    for daemon in started.values():
        daemon.close()


def with_checksum(key: str) -> str:
    """A well-formed key of the same id and secret."""
    return key + format(zlib.crc32(key.encode()), "08x")


def made_up(key: str, same_id: bool) -> str:
    """A key that is none: of `key` its id or not, and another secret."""
    _, own_id, _ = key.split("_", 2)
    other_id = own_id[:-1] + ("a" if own_id[-1] != "a" else "b")
    secret = secrets.token_urlsafe(32)
    return with_checksum(f"mcpk_{own_id if same_id else other_id}_{secret}")


def call(tool: str) -> bytes:
    params = {"name": tool, "arguments": {"table": "t"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


def read_answer(answers) -> bytes:
    """Head and body as they came."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = answers.readline()
        assert line, f"the connection ended within {head!r}"
        head += line
    return head + answers.read(int(re.search(rb"(?i)^content-length: (\d+)", head, re.M)[1]))


class Measured:
    """A gateway that ends with the count of its instructions."""

    def __init__(self, program, daemons, port, folder):
        self.out = folder / "callgrind.out"
        config = {
            "auth": {"apiKeys": {"directory": "keys"}},
            "audit": {"directory": "audit"},
            "toolSets": {
                name: {
                    "requiredRole": role,
                    "sandbox": f"unix:{daemons[name].socket_path}",
                    "signingKey": {"file": str(daemons[name].key_file)},
                }
                for name, role in TESTERS.items()
            },
        }
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}", "-q"]
        self.gateway = Gateway(
            fixture_tools(),
            config=config,
            serve=True,
            before=valgrind,
            port=port,
            program=program,
        ).wait_ready()
        self.key = self.gateway.known_key("tester@example.com", "mcp-tester")

    def ask(self, key: str, method: str, body: bytes, count: int) -> bytes:
        """The last answer, whole, without what is its own. The requests come all at once, so that
        none of them waits for its bytes, which would be work that depends on the moment."""
        head = (
            f"{method} /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.gateway.port}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=60) as connection:
            requests = (head.encode() + body) * count
            sender = threading.Thread(target=connection.sendall, args=(requests,))
            sender.start()
            with connection.makefile("rb") as answers:
                for _ in range(count):
                    answer = read_answer(answers)
            sender.join()
        return OWN.sub(b"", answer)

    def instructions(self) -> int:
        self.gateway.close()
        return int(re.search(r"^(?:summary|totals): (\d+)", self.out.read_text(), re.MULTILINE)[1])


@pytest.fixture
def work_of(program, daemons, tmp_path):
    """Answer and instructions of one request, by two runs of which one has more of them."""
    port = free_port()  # The answers name it.

    def work_of(what: str, request_of) -> tuple[bytes, float]:
        totals = []
        for count in (FEW, MANY):
            folder = tmp_path / f"{what}-{count}"
            folder.mkdir()
            measured = Measured(program, daemons, port, folder)
            answer = measured.ask(*request_of(measured.key), count)
            totals.append(measured.instructions())
        return answer, (totals[1] - totals[0]) / (MANY - FEW)

    return work_of


def check(one: tuple[bytes, float], other: tuple[bytes, float]):
    assert one[0] == other[0]
    assert abs(one[1] - other[1]) <= DIFFERENCE_MAX * max(one[1], other[1]), (one[1], other[1])


def test_an_unknown_key_and_a_wrong_secret(work_of):
    unknown = work_of("unknown", lambda key: (made_up(key, same_id=False), "GET", b""))
    wrong = work_of("wrong", lambda key: (made_up(key, same_id=True), "GET", b""))
    assert unknown[0].startswith(b"HTTP/1.1 401 ")
    check(unknown, wrong)


def test_a_hidden_tool_and_one_that_is_not_there(work_of):
    hidden = work_of("hidden", lambda key: (key, "POST", call("vacuum")))
    unknown = work_of("unknown", lambda key: (key, "POST", call("vacuun")))
    assert hidden[0].startswith(b"HTTP/1.1 200 ") and b"Unknown tool: vacuum" in hidden[0]
    check((hidden[0].replace(b"vacuum", b"vacuun"), hidden[1]), unknown)
