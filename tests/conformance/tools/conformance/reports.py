"""Tools that say something while they run, or could."""

import time

from mcpgate import Context, tool


@tool(read_only=True)
def test_tool_with_progress(ctx: Context) -> str:
    """Reports how far it is."""
    for done in (0, 50, 100):
        ctx.progress(done, 100, f"Completed step {done} of 100")
        time.sleep(0.05)
    return "The work is done."


@tool(read_only=True)
def test_tool_with_logging(ctx: Context) -> str:
    """Sends log messages."""
    ctx.info("Tool execution started")
    time.sleep(0.05)
    ctx.info("Tool processing data")
    time.sleep(0.05)
    ctx.info("Tool execution completed")
    return "The work is done."


@tool(read_only=True)
def test_logging_tool(ctx: Context) -> str:
    """Sends a log message, to whom wants one."""
    ctx.info("A message that only a request with a log level gets")
    return "The work is done."


@tool(read_only=True)
def test_reconnection(ctx: Context) -> str:
    """Lets the client's stream go before it has a result, which the client comes back for."""
    ctx.close_stream()
    time.sleep(0.1)
    return "The client has come back."
