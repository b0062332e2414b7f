"""What a tool keeps for its user, through the gateway: for two API keys of one user, for another
user, and for one who only has the same name."""

import os
import time

import pytest
from support.gateway import Gateway
from support.processes import wait_until

TOOL = '''
from typing import Annotated
from mcpgate import Context, Field, ToolError, tool

Topic = Annotated[str, Field(pattern="^[a-z]{1,40}$")]

@tool(workspace=True)
def remember(topic: Topic, text: str, ctx: Context) -> int:
    """Keeps a text; how many are kept."""
    (ctx.workspace / topic).write_text(text, encoding="utf-8")
    return len(list(ctx.workspace.iterdir()))

@tool(workspace=True, read_only=True)
def recall(topic: Topic, ctx: Context) -> str:
    """Gives back what was kept."""
    path = ctx.workspace / topic
    if not path.exists():
        raise ToolError("nothing is kept under that topic")
    return path.read_text(encoding="utf-8")

@tool
def recall_by_another(topic: Topic, ctx: Context) -> str:
    """The same through another tool, which runs for the same user."""
    return ctx.call_tool("recall", {"topic": topic}).text
'''


@pytest.fixture
def gateway(tmp_path):
    folder = tmp_path / "tools" / "notes"
    folder.mkdir(parents=True)
    (folder / "toolset.yaml").write_text("workspace: {size: 64Ki, expires: 7d}\n")
    (folder / "notes.py").write_text(TOOL)
    started = Gateway(tmp_path / "tools")
    yield started.wait_ready()
    started.close()


def say(client, tool, **arguments) -> str:
    result = client.call(tool, arguments)
    return " ".join(block["text"] for block in result["content"])


def test_each_user_has_one(gateway):
    ada = gateway.user("ada", "mcp-admin")
    assert say(ada, "remember", topic="plan", text="ada's plan") == "1"
    again = gateway.user("ada", "mcp-admin")
    assert say(again, "recall", topic="plan") == "ada's plan"
    assert say(again, "recall_by_another", topic="plan") == "ada's plan"
    for user in ("bob", "Ada", "ada "):
        other = gateway.user(user, "mcp-admin")
        assert say(other, "recall", topic="plan") == "nothing is kept under that topic", user
    demo = gateway.user("demo", "mcp-admin")
    say(demo, "remember", topic="plan", text="a key's")
    anyone = gateway.client("demo-token-12345")
    assert say(anyone, "recall", topic="plan") == "nothing is kept under that topic"


def test_the_folder_tells_nothing(gateway):
    zoe = gateway.user("zoe", "mcp-admin")
    say(zoe, "remember", topic="plan", text="x")
    [workspace] = [p for p in (gateway.state / "workspaces/notes").iterdir() if p.name != ".key"]
    assert workspace.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in workspace.iterdir()] == ["plan"]
    assert "zoe" not in workspace.name


def test_above_its_size_and_after_its_time(gateway):
    ada = gateway.user("ada", "mcp-admin")
    result = ada.call("remember", {"topic": "plan", "text": "x" * 200_000})
    assert result["_meta"]["io.mcpgate/reason"] == "output"
    assert "more than 64Ki in its workspace" in result["content"][0]["text"]
    assert "PermissionError" in say(ada, "remember", topic="more", text="x")
    assert len(say(ada, "recall", topic="plan")) == 200_000

    [workspace] = [p for p in (gateway.state / "workspaces/notes").iterdir() if p.name != ".key"]
    long_ago = time.time() - 8 * 86400
    os.utime(workspace, (long_ago, long_ago))
    # Another version of the set looks at once for what has expired.
    (gateway.tools / "notes" / "toolset.yaml").write_text("workspace: {size: 128Ki, expires: 7d}\n")
    wait_until(lambda: not workspace.exists(), "the workspace has expired")
    assert say(ada, "remember", topic="plan", text="new") == "1"
