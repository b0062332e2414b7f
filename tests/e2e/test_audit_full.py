"""The audit disk is full: no record, no answer. Refused, said so, and served again when there is
room.

The disk is made full for one process: a limit on how large its files may grow (prlimit --fsize),
set to the size that the audit log has.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

from support.processes import descendants, wait_until
from support.rpc import text_of


def gateway_pids(gateway) -> list[int]:
    """The processes that may write the log: every `mcpgate`, no daemon."""
    family = [p.pid for p in descendants(gateway.process.pid) if p.name == "mcpgate"]
    return [gateway.process.pid, *family]


def limit_file_size(gateway, size: int | str):
    for pid in gateway_pids(gateway):
        subprocess.run(["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"], check=True)


def fill_disk(gateway):
    sizes = [path.stat().st_size for path in (gateway.state / "audit").glob("*.jsonl")]
    limit_file_size(gateway, min(sizes))


def test_full_disk_refuses_and_recovers(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    assert text_of(tester.call("echo", {"text": "before"})) == "before"
    before = gateway.records()

    fill_disk(gateway)
    for _ in range(3):
        reply = tester.request("tools/call", {"name": "echo", "arguments": {"text": "during"}})
        assert reply.status == 503
        assert reply.error["code"] == -32603
        assert int(reply.headers["retry-after"]) > 0
        assert b"during" not in reply.body, "an answer without its record"
        assert tester.request("tools/list").status == 503
    wait_until(lambda: "audit" in gateway.log.lower(), "its log says so")
    assert gateway.admin("/health")[0] == 200, "alive, and must not be restarted for it"
    assert gateway.records() == before

    limit_file_size(gateway, "unlimited")
    wait_until(lambda: tester.request("ping").status == 200, "it serves again")
    assert text_of(tester.call("echo", {"text": "after"})) == "after"


def test_tool_that_ran_while_the_disk_filled_up_gives_no_answer(start_gateway):
    """Its start is recorded, its end cannot be: the answer is withheld."""
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(
            tester.request, "tools/call", {"name": "wait", "arguments": {"seconds": 5}}
        )
        wait_until(
            lambda: [r for r in gateway.records() if r["type"] == "mcp_call_start"], "it runs"
        )
        fill_disk(gateway)
        reply = call.result()
    assert b"waited" not in reply.body
    assert reply.status == 503 and reply.error["code"] == -32603
    limit_file_size(gateway, "unlimited")
    wait_until(lambda: tester.request("ping").status == 200, "it serves again")


def test_request_that_http_refuses_has_no_other_answer(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    assert tester.send("POST", "/mcp", {"Content-Length": "5", "Transfer-Encoding": "x"}).status == 400
    fill_disk(gateway)
    reply = tester.send("POST", "/mcp", {"Content-Length": "5", "Transfer-Encoding": "x"})
    assert reply.status == 503 and reply.error["code"] == -32603
    assert reply.headers["retry-after"]
    limit_file_size(gateway, "unlimited")


def test_nothing_starts_that_cannot_be_recorded(start_gateway):
    """No process is spent on a call whose start has no record."""
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    sandbox = gateway.sandbox_socket("trial")
    before = sandbox.calls_answered()
    fill_disk(gateway)
    call = {"name": "echo", "arguments": {"text": "x"}}
    for _ in range(3):
        assert tester.request("tools/call", call).status == 503
    limit_file_size(gateway, "unlimited")
    wait_until(lambda: tester.request("ping").status == 200, "it serves again")
    assert text_of(tester.call("echo", {"text": "x"})) == "x"
    assert sandbox.calls_answered() == before + 1, "the last one alone has run"
