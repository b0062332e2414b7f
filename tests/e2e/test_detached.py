"""Detached calls: they outlive their connection, their answer outlives their daemon."""

import json
import os
import secrets
import signal
import time

import pytest
from support.gateway import SandboxDaemon, fixture_tools
from support.processes import descendants, wait_until
from support.rpc import reason_of, text_of


@pytest.fixture
def calls(tmp_path):
    return tmp_path / "calls"


@pytest.fixture
def start_daemon(calls):
    started = []

    def start(words=("--calls", calls)) -> SandboxDaemon:
        started.append(SandboxDaemon(fixture_tools() / "trial", words).wait_ready())
        return started[-1]

    yield start
    for daemon in started:
        if daemon.process.exit_code() is None:
            daemon.close()
        else:
            daemon.process.kill()


def detach(daemon, tool, arguments, ttl_ms=60_000) -> tuple[str, int, dict]:
    """The id of the call, and what the daemon answered."""
    sandbox = daemon.socket()
    call_id = secrets.token_hex(16)
    manifest = sandbox.manifest()
    digests = {entry["name"]: entry["digest"] for entry in manifest["tools"]}
    request = json.loads(sandbox.execute_body(tool, arguments, call_id, digests[tool]))
    request["call"] |= {"detach": True, "ttl_ms": ttl_ms}
    body = json.dumps(request).encode()
    headers = sandbox.sign("POST", "/execute", body, call_id=call_id, instance=manifest["instance"])
    status, answer = sandbox.send("POST", "/execute", headers, body)
    return call_id, status, json.loads(answer)


def events(daemon, call_id, start=0) -> list[dict]:
    status, body = daemon.socket().get(f"/execute/{call_id}?from={start}")
    assert status == 200, body
    return [json.loads(line) for line in body.splitlines()]


def test_a_detached_call_runs_on_and_is_replayed(start_daemon, calls):
    daemon = start_daemon()
    call_id, status, state = detach(daemon, "echo", {"text": "kept"})
    assert status == 202
    assert state["ttl_ms"] <= 60_000 and not state["ended"] and state["events"] == 0
    *_, result = events(daemon, call_id)
    assert result["event"] == "result" and text_of(result["result"]) == "kept"
    assert events(daemon, call_id, 5) == [result]
    assert [file.name for file in calls.iterdir()] == [f"{call_id}.ndjson"]


def test_a_killed_daemon_leaves_answers_behind(start_daemon):
    """What had ended answers as before; what ran says that it failed, and why."""
    daemon = start_daemon()
    ended, _, _ = detach(daemon, "echo", {"text": "before"})
    before = events(daemon, ended)
    running, status, _ = detach(daemon, "wait", {"seconds": 7})
    assert status == 202
    wait_until(lambda: len(descendants(daemon.process.pid)) >= 2, "it runs")
    os.kill(daemon.process.pid, signal.SIGKILL)
    wait_until(lambda: daemon.process.exit_code() is not None, "it is dead")
    daemon = start_daemon()
    assert events(daemon, ended) == before
    (result,) = events(daemon, running)
    assert result["result"]["isError"] is True
    assert reason_of(result["result"]) == "killed"
    assert "daemon ended" in text_of(result["result"])


def test_a_call_is_forgotten_when_its_time_is_over(start_daemon, calls):
    daemon = start_daemon()
    call_id, status, _ = detach(daemon, "echo", {"text": "short"}, ttl_ms=1500)
    assert status == 202
    wait_until(lambda: daemon.socket().get(f"/execute/{call_id}")[0] == 404, "it is over")
    wait_until(lambda: not list(calls.iterdir()), "its file is removed")
    unknown = daemon.socket().get(f"/execute/{secrets.token_hex(16)}")
    assert daemon.socket().get(f"/execute/{call_id}") == unknown


def test_without_a_folder_no_call_is_detached(start_daemon):
    daemon = start_daemon(words=())
    _, status, answer = detach(daemon, "echo", {"text": "x"})
    assert status == 400 and "--calls" in answer["error"]


def test_two_daemons_do_not_share_a_folder(start_daemon, calls):
    """The second waits for the first, which may be finishing its calls."""
    first = start_daemon()
    second = SandboxDaemon(fixture_tools() / "trial", ("--calls", calls))
    try:
        time.sleep(0.5)
        assert not second.socket_path.exists()
        first.close()
        second.wait_ready()
    finally:
        second.close()
