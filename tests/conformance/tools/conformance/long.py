"""Tools that take long, as the tasks extension knows them."""

import os
import time

from mcpgate import ToolError, tool


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
