"""Tasks that ask their client: what they ask is shown by tasks/get and answered by tasks/update,
at any gateway of the tool set."""

import pytest
from support.gateway import Gateway, change_settings, copied_tools
from support.processes import wait_until
from support.rpc import text_of

EXTENSION = "io.modelcontextprotocol/tasks"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CAN_BE_ASKED = {"elicitation": {}, "extensions": {EXTENSION: {}}}
CANNOT_BE_ASKED = {"extensions": {EXTENSION: {}}}

ASKING = '''from mcpgate import Context, Form, tool

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@tool(task="optional", timeout=60)
def invite(day: str, ctx: Context) -> str:
    """Asks for two names at once, and then for a third one."""
    first = ctx.ask({"one": Form("Who?", NAME), "other": Form("Who else?", NAME)})
    last = ctx.elicit("Who comes last?", NAME, key="last")
    names = [first["one"], first["other"], last]
    return f"{day}: " + ", ".join(each.content["name"] for each in names)


@tool(task="required", ask_first=True, timeout=60)
def order(ctx: Context) -> str:
    """Asks before it is a task, and once more when it is one."""
    who = ctx.elicit("For whom?", NAME, key="who").content["name"]
    what = ctx.elicit("What?", NAME, key="what").content["name"]
    return f"{what} for {who}"
'''


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    tools = copied_tools(tmp_path_factory.mktemp("asking") / "tools")
    (tools / "trial" / "asking.py").write_text(ASKING)
    change_settings(tools / "trial", ("wall: 8s", "wall: 60s"))
    shared = Gateway(tools).wait_ready()
    yield shared
    shared.close()


@pytest.fixture
def modern(gateway):
    return gateway.client(gateway.known_key("ada@example.com", "mcp-tester"), modern=True)


def ask(client, method, capabilities=CAN_BE_ASKED, **params):
    return client.request(method, params | {"_meta": {CAPABILITIES: capabilities}})


def call(client, tool, capabilities=CAN_BE_ASKED, **params) -> dict:
    return ask(client, "tools/call", capabilities, name=tool, **params).result


def state(client, task_id, status) -> dict:
    """The task once it is in that state."""

    def now():
        task = ask(client, "tasks/get", taskId=task_id).result
        return task if task["status"] == status else None

    return wait_until(now, f"the task is {status}")


def named(**names) -> dict:
    return {key: {"action": "accept", "content": {"name": name}} for key, name in names.items()}


def update(client, task_id, responses) -> dict:
    return ask(client, "tasks/update", taskId=task_id, inputResponses=responses).result


def test_what_a_task_asks_is_answered_one_at_a_time(modern):
    task_id = call(modern, "invite", arguments={"day": "Monday"})["taskId"]
    asked = state(modern, task_id, "input_required")
    assert set(asked["inputRequests"]) == {"one", "other"}
    assert asked["inputRequests"]["one"]["method"] == "elicitation/create"
    assert asked["inputRequests"]["one"]["params"]["message"] == "Who?"
    assert "result" not in asked and "requestState" not in asked

    heard = update(modern, task_id, named(other="Bob"))
    assert heard == {"resultType": "complete"} | {
        key: value for key, value in heard.items() if key == "_meta"
    }
    # At once: what was answered is not asked any more.
    left = ask(modern, "tasks/get", taskId=task_id).result
    assert left["status"] == "input_required" and set(left["inputRequests"]) == {"one"}

    update(modern, task_id, named(one="Ada"))
    assert set(state(modern, task_id, "input_required")["inputRequests"]) <= {"one", "last"}
    wait_until(
        lambda: set(state(modern, task_id, "input_required")["inputRequests"]) == {"last"},
        "it asks on",
    )
    update(modern, task_id, named(last="Cy"))
    done = state(modern, task_id, "completed")
    assert text_of(done["result"]) == "Monday: Ada, Bob, Cy" and "inputRequests" not in done


def test_what_answers_nothing_changes_nothing(modern):
    task_id = call(modern, "invite", arguments={"day": "Monday"})["taskId"]
    state(modern, task_id, "input_required")
    for nothing in (
        {},
        named(unheard="Eve"),
        {"one": {"action": "accept", "content": {"name": 7}}},
        {"one": "yes"},
    ):
        assert update(modern, task_id, nothing)["resultType"] == "complete"
    task = ask(modern, "tasks/get", taskId=task_id).result
    assert task["status"] == "input_required" and set(task["inputRequests"]) == {"one", "other"}
    update(modern, task_id, named(one="Ada", other="Bob"))
    update(modern, task_id, named(one="Eve", other="Eve"))
    wait_until(
        lambda: set(state(modern, task_id, "input_required")["inputRequests"]) == {"last"},
        "it asks on",
    )
    update(modern, task_id, named(last="Cy"))
    assert text_of(state(modern, task_id, "completed")["result"]) == "Monday: Ada, Bob, Cy"
    assert update(modern, task_id, named(last="Eve"))["resultType"] == "complete", "has ended"
    assert text_of(state(modern, task_id, "completed")["result"]) == "Monday: Ada, Bob, Cy"


def test_a_stranger_answers_nothing(gateway, modern):
    other = gateway.client(gateway.known_key("bob@example.com", "mcp-tester"), modern=True)
    task_id = call(modern, "invite", arguments={"day": "Monday"})["taskId"]
    state(modern, task_id, "input_required")
    refused = ask(other, "tasks/update", taskId=task_id, inputResponses=named(one="Eve")).error
    assert refused == {"code": -32602, "message": "Unknown task"}
    assert ask(modern, "tasks/cancel", taskId=task_id).result["resultType"] == "complete"
    assert state(modern, task_id, "cancelled")


def test_a_client_that_cannot_be_asked_is_not(modern):
    task_id = call(modern, "invite", CANNOT_BE_ASKED, arguments={"day": "Monday"})["taskId"]
    done = state(modern, task_id, "completed")
    assert done["result"]["isError"] is True
    assert "did not declare the capability" in text_of(done["result"])


def test_a_call_may_ask_before_it_is_a_task(gateway, modern):
    first = call(modern, "order", arguments={})
    assert first["resultType"] == "input_required" and "taskId" not in first
    assert set(first["inputRequests"]) == {"who"}
    carried = {"requestState": first["requestState"], "inputResponses": named(who="Ada")}
    made = call(modern, "order", arguments={}, **carried)
    assert made["resultType"] == "task"
    assert not {"requestState", "inputRequests"} & set(made)
    assert set(state(modern, made["taskId"], "input_required")["inputRequests"]) == {"what"}
    update(modern, made["taskId"], named(what="tea"))
    assert text_of(state(modern, made["taskId"], "completed")["result"]) == "tea for Ada"

    altered = carried | {"requestState": "x" + carried["requestState"]}
    refused = ask(modern, "tools/call", name="order", arguments={}, **altered).error
    assert refused["code"] == -32602 and "requestState" in refused["message"]
