"""Tools that take long, as the tasks extension knows them."""

import os
import time

from mcpgate import Context, Form, ToolError, tool

CONFIRMATION = {"type": "object", "properties": {"confirm": {"type": "boolean"}}}
NAME = {"type": "object", "properties": {"name": {"type": "string"}}}


@tool(read_only=True)
def greet(name: str) -> str:
    """Greets, at once."""
    return f"Hello, {name}!"


@tool(read_only=True, task="optional")
def slow_compute(seconds: float, label: str = "") -> str:
    """Takes its time."""
    time.sleep(seconds)
    return f"{label}: computed for {seconds} s"


@tool(task="required")
def failing_job() -> str:
    """Says after a while that it failed."""
    time.sleep(1)
    raise ToolError("The job failed.")


@tool(task="required")
def protocol_error_job() -> str:
    """Ends without any answer."""
    os._exit(1)


@tool(task="optional")
def confirm_delete(filename: str, ctx: Context) -> str:
    """Asks whether to go on, as a task."""
    answer = ctx.elicit(f"Delete {filename}?", CONFIRMATION)
    return f"{filename}: {answer.action}"


@tool(task="optional")
def multi_input(ctx: Context) -> str:
    """Asks two things at once, as a task."""
    answers = ctx.ask({"name": Form("Your name?", NAME), "confirm": Form("Sure?", CONFIRMATION)})
    return ", ".join(f"{key}: {answers[key].action}" for key in ("name", "confirm"))


@tool(task="required", ask_first=True)
def test_tool_with_task(ctx: Context) -> str:
    """Asks for a name, then becomes a task."""
    answer = ctx.elicit("Your name?", NAME, key="user_name")
    return f"Hello, {answer.content['name']}!"
