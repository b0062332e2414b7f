"""SIGTERM: what was accepted is answered, then the processes are gone."""

import signal
from concurrent.futures import ThreadPoolExecutor

from support import raw
from support.processes import wait_until
from support.rpc import text_of

# Below what a drain gives to calls in flight (30 s): what delays the end shows.
END_SECONDS = 20


def test_no_call_in_flight_is_lost(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(tester.call, "wait", {"seconds": 1}) for _ in range(8)]
        wait_until(lambda: starts(gateway) == 8, "all calls are under way")
        gateway.process.signal(signal.SIGTERM)
        results = [call.result() for call in calls]
    assert [text_of(result) for result in results] == ["waited 1.0 s"] * 8
    assert gateway.stop() == 0
    ended = [r for r in gateway.records() if r["type"] == "mcp_request" and r.get("tool") == "wait"]
    assert [r["status"] for r in ended] == ["success"] * 8
    for writer, records in gateway.chains().items():
        assert records[-1]["type"] == "chain_end", writer


def test_second_signal_ends_at_once(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(tester.request, "tools/call", {"name": "wait", "arguments": {"seconds": 20}})
        wait_until(lambda: starts(gateway) == 1, "the call is under way")
        for said in ("may finish", "at once"):
            gateway.process.signal(signal.SIGINT)
            wait_until(lambda: f"{said}" in gateway.log, said)  # noqa: B023
        wait_until(lambda: gateway.process.exit_code() is not None, "the end", END_SECONDS)
        assert call.exception() is not None
    assert gateway.stop() == 0


def starts(gateway) -> int:
    return sum(r["type"] == "mcp_call_start" for r in gateway.records())


def test_the_end_of_its_terminal_is_an_orderly_one(start_gateway):
    gateway = start_gateway()
    gateway.process.signal(signal.SIGHUP)
    wait_until(lambda: gateway.process.exit_code() is not None, "the end", END_SECONDS)
    assert gateway.stop() == 0
    for writer, records in gateway.chains().items():
        assert records[-1]["type"] == "chain_end", writer


def test_no_new_connection_while_draining_and_not_ready(start_gateway):
    gateway = start_gateway()
    tester = gateway.user("tester@example.com", "mcp-tester")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(tester.call, "wait", {"seconds": 5})
        wait_until(lambda: starts(gateway) == 1, "the call is under way")
        gateway.process.signal(signal.SIGTERM)
        wait_until(lambda: refuses(gateway), "new connections are refused")
        assert gateway.admin("/ready")[0] in (0, 503)
        assert text_of(call.result()) == "waited 5.0 s"


def refuses(gateway) -> bool:
    try:
        raw.open_connection(gateway.port, timeout=1).close()
        return False
    except OSError:
        return True


def test_idle_connections_do_not_delay_the_end(start_gateway):
    gateway = start_gateway()
    idle = [raw.open_connection(gateway.port) for _ in range(20)]
    for connection in idle[:10]:
        connection.sendall(raw.request(gateway.port, None, raw.ping()))
        assert raw.read_reply(connection).status == 401
    gateway.process.signal(signal.SIGTERM)
    wait_until(lambda: gateway.process.exit_code() is not None, "the end", END_SECONDS)
    assert gateway.stop() == 0
    for connection in idle:
        connection.close()


def test_half_a_request_delays_the_end_no_longer_than_a_slow_one_may_take(start_gateway):
    gateway = start_gateway()
    with raw.open_connection(gateway.port) as half:
        half.sendall(b"POST /mcp HTTP/1.1\r\nHos")
        gateway.process.signal(signal.SIGTERM)
        assert [reply.status for reply in raw.read_replies(half)] == [408]
    wait_until(lambda: gateway.process.exit_code() is not None, "the end", END_SECONDS)
    assert gateway.stop() == 0
