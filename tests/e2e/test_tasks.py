"""Calls that outlive their request: the tasks extension of 2026-07-28, by the real executables."""

import os
import signal

import pytest
from support.gateway import Gateway, SandboxDaemon, environment, fixture_tools, tool_set
from support.processes import Running, wait_until
from support.rpc import RpcError, text_of

EXTENSION = "io.modelcontextprotocol/tasks"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
DECLARED = {"_meta": {CAPABILITIES: {"extensions": {EXTENSION: {}}}}}
ENDED = ("completed", "failed", "cancelled")
ASK_LATER = -32603


def ask(client, method, **params):
    return client.request(method, params | DECLARED)


def start(client, tool, **arguments) -> dict:
    return ask(client, "tools/call", name=tool, arguments=arguments).result


def get(client, task_id) -> dict:
    return ask(client, "tasks/get", taskId=task_id).result


def undated(task) -> dict:
    """Without what the clocks of gateway and daemon make of the same moment."""
    return {key: value for key, value in task.items() if key != "lastUpdatedAt"}


def ended(client, task_id) -> dict:
    """Its last state. Meanwhile a gateway whose sandbox was away may say to ask again later."""

    def last_state():
        message = ask(client, "tasks/get", taskId=task_id).message
        if message.get("error", {}).get("code") == ASK_LATER:
            return None
        return message["result"] if message["result"]["status"] in ENDED else None

    return wait_until(last_state, "the task has ended")


def restart(running) -> None:
    """A gateway, or a daemon, with the state of the one before."""
    running.process = Running(
        running.process.argv, environment(running.state), cwd=running.state
    )
    running.wait_ready()


@pytest.fixture
def modern(gateway, tester):
    return gateway.client(tester.key, modern=True)


def test_a_task_is_made_asked_for_and_recorded(gateway, modern):
    reply = ask(modern, "tools/call", name="take_time", arguments={"seconds": 0.5})
    made = reply.result
    assert made["resultType"] == "task" and made["status"] == "working"
    assert 0 < made["ttlMs"] <= 3_600_000 and made["pollIntervalMs"] == 1000
    assert not {"result", "error", "inputRequests", "requestState", "task"} & set(made)
    first = get(modern, made["taskId"])
    assert first["taskId"] == made["taskId"] and first["resultType"] == "complete"
    last = ended(modern, made["taskId"])
    assert last["status"] == "completed" and last["createdAt"] == made["createdAt"]
    assert last["lastUpdatedAt"] > last["createdAt"]
    assert text_of(last["result"]) == "took 0.5 s for tester@example.com"
    assert undated(last) == undated(get(modern, made["taskId"]))

    def of_call(kind):
        call = reply.headers["x-request-id"]
        return [
            r for r in gateway.records() if r.get("request_id") == call and r["type"] == kind
        ]

    wait_until(lambda: of_call("mcp_call_end"), "its end is recorded")
    (begun,), (request,) = of_call("mcp_call_start"), of_call("mcp_request")
    (end,) = of_call("mcp_call_end")
    for record in (begun, request, end):
        assert record["tool"] == "take_time" and record["user"] == "tester@example.com"
    assert end["status"] == "success" and end["duration_ms"] >= 500
    asked = gateway.record_of(ask(modern, "tasks/get", taskId=made["taskId"]))
    assert asked["method"] == "tasks/get" and asked["tool"] == "take_time"
    assert asked["status"] == "success" and asked["result_bytes"] == end["result_bytes"]


@pytest.mark.parametrize("is_modern", [True, False])
def test_who_does_not_know_tasks_waits(gateway, tester, is_modern):
    client = gateway.client(tester.key, modern=is_modern)
    result = client.call("take_time", {"seconds": 0.1})
    assert text_of(result).startswith("took") and "taskId" not in result


def test_what_is_a_task_only_is_refused_to_others(gateway, tester, modern):
    before = len(gateway.records())
    call = {"name": "delegate", "arguments": {"text": "x"}}
    reply = modern.request("tools/call", call)
    assert reply.status == 400 and reply.error["code"] == -32021
    assert reply.error["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    with pytest.raises(RpcError) as error:
        gateway.client(tester.key, modern=False).call("delegate", call["arguments"])
    assert error.value.code == -32601
    new = gateway.records()[before:]
    assert [r["status"] for r in new if r["type"] == "mcp_request"] == ["invalid", "invalid"]
    assert not [r for r in new if r["type"] == "mcp_call_start"]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
def test_bad_requests_for_tasks(gateway, tester, modern, method):
    params = {"taskId": "none", "inputResponses": {}}
    assert ask(modern, method, **params).error == {"code": -32602, "message": "Unknown task"}
    undeclared = modern.request(method, params)
    assert undeclared.status == 400 and undeclared.error["code"] == -32021
    other = modern.request(method, params | DECLARED, {"Mcp-Name": "another"})
    assert other.status == 400 and other.error["code"] == -32020
    assert ask(modern, method, inputResponses={}).error["code"] == -32602
    legacy = gateway.client(tester.key, modern=False).request(method, params)
    assert legacy.error["code"] == -32601
    for removed in ("tasks/list", "tasks/result"):
        gone = ask(modern, removed, **params)
        assert gone.status == 404 and gone.error["code"] == -32601


def test_responses_must_be_an_object(modern):
    bad = ask(modern, "tasks/update", taskId="x", inputResponses=[])
    assert bad.error["code"] == -32602 and "inputResponses" in bad.error["message"]


def test_a_task_is_its_callers_alone(gateway, modern):
    made = start(modern, "take_time", seconds=0)
    other = gateway.client(gateway.known_key("other@example.com", "mcp-tester"), modern=True)
    changed = ("A" if made["taskId"][-1] != "A" else "B").join((made["taskId"][:-1], ""))
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        foreign, unknown, altered = (
            ask(client, method, taskId=task_id, inputResponses={})
            for client, task_id in (
                (other, made["taskId"]), (other, "none"), (modern, changed)
            )
        )  # fmt: skip
        assert foreign.error == unknown.error == altered.error
        assert foreign.status == unknown.status == altered.status == 200
    assert ended(modern, made["taskId"])["status"] == "completed"


def test_a_cancelled_task_says_so(gateway, modern):
    reply = ask(modern, "tools/call", name="take_time", arguments={"seconds": 7})
    task_id = reply.result["taskId"]
    cancelled = ask(modern, "tasks/cancel", taskId=task_id).result
    assert cancelled["resultType"] == "complete" and "taskId" not in cancelled
    task = ended(modern, task_id)
    assert task["status"] == "cancelled" and not {"result", "error"} & set(task)
    assert ask(modern, "tasks/cancel", taskId=task_id).result == cancelled, "once more"
    call = reply.headers["x-request-id"]
    wait_until(
        lambda: [
            r["status"] for r in gateway.records()
            if r.get("request_id") == call and r["type"] == "mcp_call_end"
        ] == ["cancelled"],
        "its end is recorded",
    )  # fmt: skip


def test_what_the_sandbox_ends_has_failed(modern):
    """The trial set's calls have 8 s."""
    task = ended(modern, start(modern, "take_time", seconds=60)["taskId"])
    assert task["status"] == "failed" and "result" not in task
    assert task["error"]["code"] == -32603
    assert task["error"]["data"] == {"io.mcpgate/reason": "timeout"}
    assert task["statusMessage"] == task["error"]["message"]


def test_a_task_may_call_other_tools(gateway, modern):
    before = len(gateway.records())
    made = start(modern, "delegate", text="from within")
    assert text_of(ended(modern, made["taskId"])["result"]) == "from within"
    inner = [r for r in gateway.records()[before:] if r.get("parent")]
    assert {r["tool"] for r in inner} == {"echo"}


def test_who_may_not_use_the_tool_any_more_has_no_task(start_gateway):
    roles = {"team": {"toolSets": ["trial"]}}
    config = {
        "auth": {"apiKeys": {"directory": "keys"}},
        "audit": {"directory": "audit"},
        "toolSets": {"trial": tool_set("trial", "mcp-tester")},
    }
    gateway = start_gateway(config=config | {"roles": roles})
    client = gateway.client(gateway.known_key("ann@example.com", "team"), modern=True)
    made = start(client, "take_time", seconds=0)
    assert ended(client, made["taskId"])["status"] == "completed"
    gateway.write_config(config | {"roles": {"team": {"toolSets": []}}})
    wait_until(
        lambda: ask(client, "tasks/get", taskId=made["taskId"]).message.get("error")
        == {"code": -32602, "message": "Unknown task"},
        "it is unknown",
    )


def test_a_task_outlives_gateway_and_sandbox(tmp_path):
    daemon = SandboxDaemon(fixture_tools() / "trial", ("--calls", tmp_path)).wait_ready()
    trial = {
        "requiredRole": "mcp-tester",
        "sandbox": f"unix:{daemon.socket_path}",
        "signingKey": {"file": str(daemon.key_file)},
    }
    config = {
        "auth": {"apiKeys": {"directory": "keys"}},
        "audit": {"directory": "audit"},
        "toolSets": {"trial": trial},
    }
    gateway = Gateway(fixture_tools(), serve=True, config=config).wait_ready()
    try:
        client = gateway.client(gateway.known_key("ann@example.com", "mcp-tester"), modern=True)
        kept = start(client, "take_time", seconds=0.2)["taskId"]
        assert gateway.process.stop() == 0
        restart(gateway)
        task = ended(client, kept)
        assert text_of(task["result"]) == "took 0.2 s for ann@example.com"

        running = start(client, "take_time", seconds=7)["taskId"]
        assert get(client, running)["status"] == "working"
        os.kill(daemon.process.pid, signal.SIGKILL)
        wait_until(lambda: daemon.process.exit_code() is not None, "the daemon is dead")
        away = ask(client, "tasks/get", taskId=kept).error
        assert away["code"] == ASK_LATER
        restart(daemon)
        assert undated(ended(client, kept)) == undated(task)
        died = ended(client, running)
        assert died["status"] == "failed"
        assert died["error"]["data"] == {"io.mcpgate/reason": "killed"}

        for file in tmp_path.glob("*.ndjson"):
            file.unlink()
        os.kill(daemon.process.pid, signal.SIGKILL)
        wait_until(lambda: daemon.process.exit_code() is not None, "the daemon is dead")
        restart(daemon)
        lost = ended(client, kept)
        assert lost["status"] == "failed", "what it has given out is never unknown"
        assert lost["error"]["code"] == -32603
    finally:
        gateway.close()
        daemon.close()
