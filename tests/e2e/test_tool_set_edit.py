"""A tool set that is edited while it is served: the list follows, nothing restarts, and a broken
edit changes nothing."""

import pytest
from support.processes import on_all_loops, wait_until
from support.rpc import RpcError, text_of

@pytest.fixture
def edited(start_gateway, editable_tools):
    gateway = start_gateway(editable_tools)
    return gateway, gateway.user("tester@example.com", "mcp-tester"), editable_tools / "trial"


def write_tool(folder, name: str, body: str):
    draft = folder / f".{name}.draft"
    draft.write_text(body)
    draft.rename(folder / f"{name}.py")


GREET = '''from mcpgate import tool


@tool(read_only=True)
def greet(name: str) -> str:
    """Greets."""
    return "GREETING, " + name
'''


def test_new_file_is_a_new_tool(edited):
    gateway, tester, folder = edited
    daemon = gateway.daemon("trial")
    write_tool(folder, "greet", GREET.replace("GREETING", "hello"))
    wait_until(
        lambda: on_all_loops(lambda: "greet" in tester.tool_names()),
        "the new tool is listed",
    )
    assert text_of(tester.call("greet", {"name": "Ada"})) == "hello, Ada"
    assert gateway.daemon("trial") == daemon, "the daemon was restarted"


def test_changed_file_is_what_runs_next(edited):
    gateway, tester, folder = edited
    write_tool(folder, "greet", GREET.replace("GREETING", "hello"))
    wait_until(
        lambda: on_all_loops(lambda: "greet" in tester.tool_names()),
        "the new tool is listed",
    )
    write_tool(folder, "greet", GREET.replace("GREETING", "good day"))

    def changed():
        result = tester.call("greet", {"name": "Ada"})
        assert not result.get("isError"), "a call fails while a tool is exchanged"
        return text_of(result) == "good day, Ada"

    wait_until(lambda: on_all_loops(changed), "the new text is what runs")


def test_removed_file_is_a_removed_tool(edited):
    gateway, tester, folder = edited
    (folder / "misbehaving.py").unlink()
    wait_until(
        lambda: on_all_loops(lambda: "raises" not in tester.tool_names()),
        "the tool is gone",
    )
    with pytest.raises(RpcError) as refused:
        tester.call("raises")
    assert refused.value.code == -32602
    assert text_of(tester.call("echo", {"text": "others stay"})) == "others stay"


BROKEN = {
    "syntax": ("def (:\n", "behaving.py"),
    "import": ("import no_such_module_anywhere\n", "behaving.py"),
    "exit": ("raise SystemExit(3)\n", "behaving.py"),
    # Nobody is left to say which file it was.
    "_exit": ("import os\nos._exit(4)\n", "exited with 4"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_edit_keeps_what_was(edited, name):
    gateway, tester, folder = edited
    broken, said = BROKEN[name]
    before = tester.tools()
    write_tool(folder, "behaving", broken)
    wait_until(lambda: said in gateway.log, "the log says what is wrong")
    assert tester.tools() == before
    assert text_of(tester.call("echo", {"text": "as before"})) == "as before"


def test_wrong_settings_leave_the_set_as_it_is(edited):
    gateway, tester, folder = edited
    names, daemon = tester.tool_names(), gateway.daemon("trial")
    right = (folder / "toolset.yaml").read_text()
    (folder / "toolset.yaml").write_text(right + "\nprefx: my-\n")
    wait_until(lambda: "the version before stays in force" in gateway.log, "the slip is told")
    assert tester.tool_names() == names
    (folder / "toolset.yaml").write_text(right)
    assert text_of(tester.call("echo", {"text": "still here"})) == "still here"
    assert gateway.daemon("trial") == daemon, "the daemon was restarted"
