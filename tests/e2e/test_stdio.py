"""`mcpgate stdio`: the bridge for clients that start a command, driven by the official SDK."""

import json
import subprocess

import pytest
from support import BIN
from support.clients import node_program
from support.gateway import environment
from support.processes import wait_until
from support.rpc import text_of


@pytest.fixture(scope="module")
def token_file(gateway):
    key = gateway.known_key("stdio@example.com", "mcp-tester")
    return gateway.key_file(key)


def order(gateway, token_file, *calls) -> dict:
    return {
        "command": str(BIN / "mcpgate"),
        "args": ["stdio", "--url", gateway.url, "--token-file", str(token_file)],
        "env": environment(gateway.state),
        "calls": list(calls),
    }


def test_lists_and_calls(gateway, token_file):
    call = {"name": "echo", "arguments": {"text": "through the bridge"}}
    report = node_program("sdk_v1", order(gateway, token_file, call))
    assert report["protocolVersion"] == "2025-11-25"
    assert {"echo", "add", "wait"} <= set(report["tools"])
    assert text_of(report["calls"][0]["result"]) == "through the bridge"


def test_progress_comes_while_the_call_runs(gateway, token_file):
    call = {"name": "count", "arguments": {"steps": 4, "pause": 0.05}}
    report = node_program("sdk_v1", order(gateway, token_file, call))
    done = report["calls"][0]
    assert [update["progress"] for update in done["progress"]] == [1, 2, 3, 4]
    assert text_of(done["result"]) == "counted to 4"


def test_cancel_ends_the_call_at_the_sandbox(gateway, token_file):
    before = len(gateway.records())
    endless = {"name": "count", "arguments": {"steps": 70, "pause": 0.1}, "cancelAfterProgress": 2}
    after = {"name": "echo", "arguments": {"text": "still here"}}
    report = node_program("sdk_v1", order(gateway, token_file, endless, after))
    assert "error" in report["calls"][0]
    assert text_of(report["calls"][1]["result"]) == "still here"

    def cancelled():
        new = gateway.records()[before:]
        return [r for r in new if r["type"] == "mcp_request" and r.get("tool") == "count"]

    record = wait_until(cancelled, "the cancelled call is recorded")[0]
    assert record["status"] == "cancelled"
    assert record["duration_ms"] < 6500, "the call went on after its cancellation"


def talk(gateway, token_file, lines: list[bytes], seconds: float = 60):
    """Runs the bridge over given lines until its input ends."""
    command = [BIN / "mcpgate", "stdio", "--url", gateway.url, "--token-file", token_file]
    return subprocess.run(
        command,
        input=b"".join(line + b"\n" for line in lines),
        capture_output=True,
        timeout=seconds,
        env=environment(gateway.state),
    )


def test_answers_to_all_lines_before_it_ends(gateway, token_file):
    requests = [
        {
            "jsonrpc": "2.0",
            "id": n,
            "method": "tools/call",
            "params": {"name": "add", "arguments": {"a": n, "b": 1}},
        }
        for n in range(20)
    ]
    done = talk(gateway, token_file, [json.dumps(r).encode() for r in requests])
    assert done.returncode == 0, done.stderr
    answers = {a["id"]: a for a in map(json.loads, done.stdout.splitlines())}
    assert {n: a["result"]["structuredContent"]["result"] for n, a in answers.items()} == {
        n: n + 1 for n in range(20)
    }


def test_line_that_is_not_json_is_answered(gateway, token_file):
    good = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "ping"}).encode()
    done = talk(gateway, token_file, [b"{not json", good])
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["error"]["code"] == -32700 and answers[0]["id"] is None
    assert answers[-1]["id"] == 7 and "result" in answers[-1]


def test_nothing_but_messages_on_standard_output(gateway, token_file):
    """Whatever it has to say goes to standard error, even when the gateway is not there."""
    command = [
        BIN / "mcpgate",
        "stdio",
        "--url",
        "http://127.0.0.1:1/mcp",
        "--token-file",
        token_file,
    ]
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode() + b"\n"
    done = subprocess.run(
        command, input=ping, capture_output=True, timeout=60, env=environment(gateway.state)
    )
    for line in done.stdout.splitlines():
        assert json.loads(line)["error"], "a gateway that is away is an error to each request"
    assert done.stdout, "the request was answered"


def test_wrong_key_is_an_error_to_the_client(gateway, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("mcpk_aaaaaaaaaaaa_" + "A" * 43 + "00000000\n")
    done = talk(gateway, wrong, [b'{"jsonrpc":"2.0","id":1,"method":"ping"}'])
    assert json.loads(done.stdout.splitlines()[0])["error"]
    assert "A" * 43 not in done.stdout.decode() + done.stderr.decode()


def test_ends_with_its_client(gateway, token_file):
    command = [BIN / "mcpgate", "stdio", "--url", gateway.url, "--token-file", token_file]
    bridge = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(gateway.state)
    )
    bridge.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    bridge.stdin.flush()
    assert json.loads(bridge.stdout.readline())["id"] == 1
    bridge.stdin.close()
    assert bridge.wait(60) == 0
    bridge.stdout.close()
