"""Tools that the suite calls to have a list changed.

No call can change its own tool set: tests/conformance/run.py edits the set, as its author would, when
it sees these called.
"""

from mcpgate import tool


@tool(read_only=True)
def test_trigger_tool_change() -> str:
    """Called when the list of tools is to change."""
    return "Its author changes the set now."


@tool(read_only=True)
def test_trigger_prompt_change() -> str:
    """Called when the list of prompts is to change."""
    return "Its author changes the set now."
