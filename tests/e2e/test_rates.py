"""How much each may do: what counts, how a refusal looks, and what a reload changes."""

import json
import time

import pytest
from support.gateway import BIN, Gateway, fixture_config, fixture_tools, run
from support.processes import wait_until

# Long enough that none ends while a test runs.
WINDOW = "31d"
RATES = {
    "each": {"roles": ["few"], "window": WINDOW, "calls": 3},
    "compute": {"roles": ["thinker"], "window": WINDOW, "cpu": "1ms"},
    "volume": {"roles": ["reader"], "window": WINDOW, "bytes": 100},
    "team": {"roles": ["team"], "per": [], "window": WINDOW, "calls": 4},
    "tool-each": {"roles": ["sampler"], "per": ["principal", "tool"], "window": WINDOW, "calls": 1},
    "soon": {"roles": ["hasty"], "window": "5s", "calls": 1},
    "at-once": {"roles": ["single"], "inFlight": 1},
}
ROLES = {"mcp-admin": {"toolSets": ["*"]}} | {
    role: {"toolSets": ["trial"], "readOnly": True}
    for rate in RATES.values()
    for role in rate["roles"]
}


REFUSALS = 'mcpgate_rate_refusals_total{rate="each"}'
TASKS = "io.modelcontextprotocol/tasks"
DECLARED = {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}}


def config(**changed) -> dict:
    return fixture_config(roles=ROLES, rates=RATES | changed)


@pytest.fixture(scope="module")
def gateway():
    gateway = Gateway(fixture_tools(), config=config()).wait_ready()
    yield gateway
    gateway.close()


def call(user, tool: str = "echo", **arguments):
    return user.request("tools/call", {"name": tool, "arguments": arguments or {"text": "x"}})


def statuses(user, count: int) -> list[int]:
    return [call(user).status for _ in range(count)]


def metric(gateway, sample: str) -> int:
    lines = [line for line in gateway.admin("/metrics")[1].splitlines() if line.startswith(sample)]
    return int(lines[0].split()[-1])


def test_calls_are_bounded_over_all_loops_and_for_each_principal(gateway):
    ann = gateway.user("ann", "few")
    before = metric(gateway, REFUSALS)
    # Each call is a connection of its own, and so meets any of the loops.
    assert statuses(ann, 12) == [200] * 3 + [429] * 9
    assert statuses(gateway.user("bob", "few"), 3) == [200] * 3
    assert statuses(gateway.user("cid", "mcp-admin"), 5) == [200] * 5
    assert metric(gateway, REFUSALS) == before + 9


def test_a_refusal_says_when_to_try_again_and_is_recorded(gateway):
    eve = gateway.user("eve", "few")
    statuses(eve, 3)
    reply = call(eve)
    seconds = int(reply.headers["retry-after"])
    assert 0 < seconds <= 31 * 24 * 3600
    assert reply.status == reply.error["code"] == 429
    assert reply.error["data"] == {"io.mcpgate/retryAfter": seconds}
    assert "each" not in reply.error["message"], "which rate it was is for the record alone"
    record = gateway.record_of(reply)
    assert (record["status"], record["reason"]) == ("error", "rate each")
    assert eve.request("tools/list").status == 200


def test_what_it_says_is_true(gateway):
    hasty = gateway.user("hal", "hasty")
    refused = wait_until(
        lambda: next((r for r in [call(hasty)] if r.status == 429), None), "a refusal", 120
    )
    time.sleep(int(refused.headers["retry-after"]))
    assert call(hasty).status == 200


def test_cpu_time_and_bytes_that_were_used_refuse_the_next_call(gateway):
    assert statuses(gateway.user("kim", "thinker"), 3) == [200, 429, 429]
    reader = gateway.user("lou", "reader")
    assert call(reader, text="y" * 200).status == 200
    assert call(reader).status == 429


def test_calls_of_several_count_together_or_apart(gateway):
    one, other = gateway.user("mia", "team"), gateway.user("ned", "team")
    assert statuses(one, 3) == [200] * 3
    assert statuses(other, 2) == [200, 429]
    sampler = gateway.user("oda", "sampler")
    assert statuses(sampler, 2) == [200, 429]
    assert call(sampler, "add", a=1, b=2).status == 200


def test_a_call_in_flight_is_a_place_until_it_ends(gateway):
    single = gateway.client(gateway.known_key("pia", "single"), modern=True)
    assert statuses(single, 3) == [200] * 3, "one after the other they fit"
    order = {"name": "take_time", "arguments": {"seconds": 25}}
    task = single.request("tools/call", order | DECLARED).result["taskId"]
    refused = call(single)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert single.request("tasks/cancel", {"taskId": task} | DECLARED).status == 200
    wait_until(lambda: call(single).status == 200, "the place of the task")


def test_a_reload_goes_on_counting(gateway):
    quin = gateway.user("quin", "few")
    assert statuses(quin, 4) == [200, 200, 200, 429]
    applied = 'mcpgate_configuration_reloads_total{outcome="applied"}'
    before = metric(gateway, applied)
    gateway.write_config(config(each=RATES["each"] | {"calls": 5}))
    wait_until(lambda: metric(gateway, applied) > before, "the reload")
    for _ in range(2):
        wait_until(lambda: call(quin).status == 200, "room for two more")
    assert statuses(quin, 10) == [429] * 10


def test_explain_names_the_rates(gateway):
    words = ["explain", "--tool", "echo", "--roles", "thinker,single", "--output", "json"]
    assert json.loads(gateway.mcpgate(*words).stdout)["rates"] == [
        {"rate": "compute", "bounds": "1ms of CPU time in 31d, for each principal"},
        {"rate": "at-once", "bounds": "1 calls at the same time, for each principal"},
    ]
    text = gateway.mcpgate("explain", "--tool", "echo", "--roles", "sampler").stdout
    assert "rate      tool-each 1 calls in 31d, for each principal and tool" in text


def test_check_refuses_what_bounds_nothing(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(json.dumps(config(each={"toolSets": ["trail"], "window": "1m"}), indent=1))
    done = run([BIN / "mcpgate", "check", "--config", bad], tmp_path)
    assert done.returncode == 2
    assert "rates.each.toolSets[0]: no such tool set" in done.stderr
    assert "rates.each: bounds nothing: calls, cpu, bytes or inFlight is needed" in done.stderr
