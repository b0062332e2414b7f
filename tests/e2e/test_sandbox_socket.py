"""Straight to a sandbox daemon's socket, around the gateway: nothing runs without a right
signature."""

import json
import os
import secrets
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.gateway import SandboxDaemon, fixture_tools
from support.processes import descendants, wait_until
from support.rpc import reason_of, text_of
from support.undisturbed import undisturbed


@pytest.fixture(scope="module")
def daemon():
    """One of the fixture's sets, served without a gateway."""
    daemon = SandboxDaemon(fixture_tools() / "trial").wait_ready()
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def sandbox(daemon):
    return daemon.socket()


def echo(sandbox, **signing) -> int:
    return sandbox.execute("echo", {"text": "x"}, **signing)[0]


def test_right_signature_runs(sandbox):
    status, body = sandbox.execute("echo", {"text": "straight"})
    assert status == 200, body
    answer = json.loads(body)
    assert text_of(answer["result"]) == "straight"
    assert {"cpu_ms", "wall_ms", "peak_rss_bytes", "output_bytes"} <= set(answer["usage"])


def test_key_and_socket_are_for_their_user_only(gateway):
    trial, dba = gateway.sandbox_socket("trial"), gateway.sandbox_socket("dba")
    for sandbox in (trial, dba):
        assert stat.S_IMODE(sandbox.key_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(sandbox.path.stat().st_mode) & 0o077 == 0
    assert trial.secret != dba.secret


@pytest.mark.parametrize("route", ["/tools", "/capabilities", "/metrics", "/execute/x"])
def test_every_route_but_health_wants_a_signature(sandbox, route):
    assert sandbox.send("GET", route, {})[0] == 401


def test_unsigned_execute(sandbox):
    before = sandbox.calls_answered()
    body = sandbox.execute_body("echo", {"text": "x"}, "c1", "sha256:" + "0" * 64)
    status, answer = sandbox.send("POST", "/execute", {"Content-Type": "application/json"}, body)
    assert status == 401
    assert b"result" not in answer
    assert echo(sandbox) == 200
    assert sandbox.calls_answered() == before + 1, "the signed one alone has run"


MALFORMED = [
    "",
    "v1",
    "v1;key=;t=;mac=",
    "v2;key={key};t={t};mac={mac}",
    "v1;key={key};t={t};mac=" + "0" * 64,
    "v1;key={key};t={t};mac=" + "0" * 63,
    "v1;key={key};t={t}",
    "v1;key=" + "0" * 16 + ";t={t};mac={mac}",
    "v1;key={key};t=-1;mac={mac}",
    "v1;key={key};t=99999999999999999999;mac={mac}",
    "v1;key={key};t={t};mac={mac};mac={mac}",
    "v1;" + "x" * 10_000,
]


@pytest.mark.parametrize("signature", MALFORMED, ids=range(len(MALFORMED)))
def test_wrong_signature(sandbox, signature):
    good = sandbox.sign("GET", "/tools", b"")["Mcpgate-Signature"]
    parts = dict(part.split("=") for part in good.split(";")[1:])
    wrong = {"Mcpgate-Signature": signature.format(**parts)}
    assert sandbox.send("GET", "/tools", wrong)[0] == 401


def test_signature_covers_everything(sandbox):
    """A right signature for one request is none for another: method, path, body, call, instance."""
    instance = sandbox.manifest()["instance"]
    body = sandbox.execute_body("echo", {"text": "x"}, "c2", "sha256:" + "0" * 64)
    headers = sandbox.sign("POST", "/execute", body, call_id="c2", instance=instance)
    assert sandbox.send("POST", "/execute", headers, body.replace(b'"x"', b'"y"'))[0] == 401
    assert sandbox.send("POST", "/execute", headers | {"Mcpgate-Call": "c3"}, body)[0] == 401
    assert sandbox.send("POST", "/execute?x=1", headers, body)[0] == 401
    assert sandbox.send("DELETE", "/execute", headers, body)[0] == 401


def test_call_id_of_header_and_body_must_agree(sandbox):
    instance = sandbox.manifest()["instance"]
    body = sandbox.execute_body("echo", {"text": "x"}, "inner", "sha256:" + "0" * 64)
    headers = sandbox.sign("POST", "/execute", body, call_id="outer", instance=instance)
    assert sandbox.send("POST", "/execute", headers, body)[0] in (400, 401)


@pytest.mark.parametrize("age_ms", [31_000, 3_600_000, -31_000])
def test_old_or_early_signature(sandbox, age_ms):
    assert echo(sandbox, age_ms=age_ms) == 401


def test_replay_starts_nothing(sandbox):
    manifest = sandbox.manifest()
    digest = next(t["digest"] for t in manifest["tools"] if t["name"] == "echo")
    call_id = secrets.token_hex(16)
    body = sandbox.execute_body("echo", {"text": "x"}, call_id, digest)
    headers = sandbox.sign("POST", "/execute", body, call_id=call_id, instance=manifest["instance"])
    assert sandbox.send("POST", "/execute", headers, body)[0] == 200
    assert sandbox.send("POST", "/execute", headers, body)[0] == 409


@pytest.mark.parametrize("instance", ["", "another-start"])
def test_signature_for_another_start_of_the_daemon(sandbox, instance):
    assert echo(sandbox, instance=instance) == 409


def test_key_of_another_tool_set(gateway):
    trial, dba = gateway.sandbox_socket("trial"), gateway.sandbox_socket("dba")
    assert trial.send("GET", "/tools", trial.sign("GET", "/tools", b""))[0] == 200
    assert trial.send("GET", "/tools", dba.sign("GET", "/tools", b""))[0] == 401


def test_tool_that_changed_since_the_decision(sandbox):
    """What was decided is what runs: another digest is refused, and nothing is run."""
    manifest = sandbox.manifest()
    call_id = secrets.token_hex(16)
    body = sandbox.execute_body("echo", {"text": "x"}, call_id, "sha256:" + "1" * 64)
    headers = sandbox.sign("POST", "/execute", body, call_id=call_id, instance=manifest["instance"])
    assert sandbox.send("POST", "/execute", headers, body)[0] == 409


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"{not json",
        b'{"tool":"echo"}',
        b'{"tool":7,"arguments":{},"call":{}}',
        b'{"tool":"echo","arguments":{},"call":{"id":"x","deadline_ms":-1}}',
        b"[" * 10_000,
    ],
    ids=range(8),
)
def test_signed_nonsense_is_400(sandbox, body):
    manifest = sandbox.manifest()
    headers = sandbox.sign("POST", "/execute", body, call_id="x", instance=manifest["instance"])
    assert sandbox.send("POST", "/execute", headers, body)[0] == 400


def test_killed_in_the_middle_of_a_call_and_back(start_gateway):
    """The caller is told what happened; no process of the call is left; other tool sets do not
    notice; and the set is back by itself."""
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    dba = gateway.user("dba@example.com", "mcp-dba")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(tester.call, "wait", {"seconds": 7})
        wait_until(
            lambda: [r for r in gateway.records() if r["type"] == "mcp_call_start"], "it runs"
        )
        daemon = gateway.daemon("trial")
        family = descendants(daemon.pid)
        os.kill(daemon.pid, signal.SIGKILL)
        killed = time.monotonic()
        result = waiting.result()
    assert result["isError"] is True
    assert reason_of(result) == "sandbox_unavailable"
    assert time.monotonic() - killed < 6, "it waited for what the call would have taken"
    wait_until(lambda: not [p for p in family if p.alive()], "zygote and child died with it")
    assert text_of(dba.call("vacuum", {"table": "t"})) == "vacuumed t"
    back = wait_until(lambda: gateway.daemon("trial"), "the daemon is started again")
    assert back.pid != daemon.pid
    wait_until(lambda: not tester.call("echo", {"text": "x"}).get("isError"), "and serves")
    assert "echo" in tester.tool_names()


def test_killed_zygote_is_replaced(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    daemon = gateway.daemon("trial")
    zygotes = descendants(daemon.pid)
    assert zygotes, "the daemon itself runs no Python"
    for zygote in zygotes:
        os.kill(zygote.pid, signal.SIGKILL)
    wait_until(lambda: not tester.call("echo", {"text": "x"}).get("isError"), "it serves again")
    assert gateway.daemon("trial") == daemon


def test_stopped_daemon_is_noticed_by_time(start_gateway):
    """SIGSTOP: alive, and answers nothing. Calls end at their deadline; the other set is served."""
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    dba = gateway.user("dba@example.com", "mcp-dba")
    daemon = gateway.daemon("trial")
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        assert text_of(dba.call("vacuum", {"table": "t"})) == "vacuumed t"
        assert "echo" in tester.tool_names(), "the list is the gateway's own"
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    with undisturbed(tester):
        pass
