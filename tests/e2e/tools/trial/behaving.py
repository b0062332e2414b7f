"""Tools that behave."""

import time

from mcpgate import Context, tool


@tool(read_only=True)
def echo(text: str) -> str:
    """Answers with its text."""
    return text


@tool(read_only=True)
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@tool(read_only=True)
def wait(seconds: float) -> str:
    """Answers after some time."""
    time.sleep(seconds)
    return f"waited {seconds} s"


@tool(read_only=True, task="optional")
def take_time(seconds: float, context: Context) -> str:
    """Answers after some time, also to a client that does not wait."""
    context.progress(0, 1, "at it")
    time.sleep(seconds)
    return f"took {seconds} s for {context.user}"


@tool(task="required")
def delegate(text: str, context: Context) -> str:
    """Has another tool answer, in its own time."""
    return context.call_tool("echo", {"text": text}).text


@tool(read_only=True)
def count(steps: int, pause: float, context: Context) -> str:
    """Reports progress after each step."""
    for step in range(1, steps + 1):
        context.progress(step, steps, f"step {step}")
        time.sleep(pause)
    return f"counted to {steps}"
