"""`execute_code`: Python that a model wrote, in the confinement of every tool, for those who may use
the set, and where the set's code mode is on."""

import json

import pytest
from support.gateway import copied_tools, fixture_config, tool_set
from support.processes import wait_until

ANALYST = "mcp-log-analyst"


@pytest.fixture(scope="module")
def analyst(project_gateway):
    return project_gateway.user("analyst@example.com", ANALYST)


def run(client, code: str) -> dict:
    result = client.call("execute_code", {"code": code})
    assert not result.get("isError"), result
    return result["structuredContent"]


def test_it_gives_back_what_is_printed(analyst):
    assert run(analyst, "print(sum(range(10)))") == {"stdout": "45\n", "error": None}


def test_an_exception_shows_the_code_s_own_lines(analyst):
    end = run(analyst, "print('before')\ndef f():\n    return 1 / 0\nf()")
    assert end["stdout"] == "before\n"
    lines = end["error"].splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[1:3] == ['  File "<code>", line 4, in <module>', "    f()"]
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import log_store", "No module named 'log_store'"),
        ("open('/etc/passwd')", "PermissionError|FileNotFoundError"),
        ("open('/var/log/dpkg.log')", "PermissionError|FileNotFoundError"),
        ("import socket; socket.socket()", "PermissionError"),
        ("import os; os.fork()", "PermissionError"),
        ("import subprocess; subprocess.run(['true'])", "PermissionError"),
        ("print('x' * 10**6)", "printed more than"),
        ("input()", "EOFError"),
    ],
)
def test_what_code_cannot_do(analyst, code, error):
    said = run(analyst, code)["error"]
    assert said and any(name in said for name in error.split("|")), said


def test_sys_exit_of_0_is_no_error(analyst):
    assert run(analyst, "print(1); raise SystemExit") == {"stdout": "1\n", "error": None}


def test_two_runs_share_nothing(analyst):
    run(analyst, "import builtins, os; builtins.left = 1; open('f', 'w').write('x')")
    found = run(analyst, "import os; print('left' in dir(__builtins__), os.listdir('.'))")
    assert found == {"stdout": "False []\n", "error": None}


def test_importable_modules_can_be_imported(analyst):
    code = "import privacy; print(privacy.privacy('mail to ada@example.com').text)"
    assert "ada@" not in run(analyst, code)["stdout"]


def test_it_comes_last_and_is_hidden_from_other_roles(project_gateway, analyst):
    assert analyst.tool_names()[-1] == "execute_code"
    viewer = project_gateway.user("viewer@example.com", "mcp-viewer")
    assert "execute_code" not in viewer.tool_names()
    hidden, unknown = (
        viewer.request("tools/call", {"name": name, "arguments": {"code": "1"}}).error
        for name in ("execute_code", "execute_core")
    )
    assert hidden["code"] == unknown["code"]
    assert hidden["message"].replace("code", "core") == unknown["message"]


def test_the_record_has_the_digest_of_the_code_and_not_the_code(project_gateway, analyst):
    run(analyst, "print('a needle in the code')")
    records = [r for r in project_gateway.records() if r.get("tool") == "execute_code"]
    assert all(record["arguments_sha256"] for record in records)
    assert "needle" not in json.dumps(records)


def test_the_gateway_s_configuration_decides(start_gateway, tmp_path):
    tools = copied_tools(tmp_path / "tools")
    with (tools / "trial" / "toolset.yaml").open("a") as settings:
        settings.write("\ncodeMode: true\n")

    def config(**keys) -> dict:
        return fixture_config(toolSets={"trial": tool_set("trial", "mcp-tester", **keys)})

    gateway = start_gateway(tools, config=config(tools=["echo"]))
    tester = gateway.user("tester@example.com", "mcp-tester")
    assert tester.tool_names() == ["echo"]
    gateway.write_config(config(tools=["echo"], codeMode=True))
    wait_until(lambda: tester.tool_names() == ["echo", "execute_code"], "code mode is on")
    assert run(tester, "print('here')")["stdout"] == "here\n"
    endless = tester.call("execute_code", {"code": "while True: pass"})
    assert endless["isError"] and endless["_meta"]["io.mcpgate/reason"] == "timeout"


def test_its_name_is_no_other_tool_s(start_gateway, tmp_path):
    tools = copied_tools(tmp_path / "tools")
    gateway = start_gateway(tools)
    tester = gateway.user("tester@example.com", "mcp-tester")
    names = tester.tool_names()
    (tools / "trial" / "execute_code.py").write_text("")
    wait_until(lambda: "it has the name of a built-in tool" in gateway.log, "the file is told")
    assert tester.tool_names() == names, "the version before stays in force"
    (tools / "trial" / "execute_code.py").unlink()
    (tools / "trial" / "mine.py").write_text(
        "from mcpgate import tool\n\n@tool\ndef execute_code() -> str:\n    return ''\n"
    )
    said = "execute_code is the name of a built-in tool"
    wait_until(lambda: said in gateway.log, "the tool is told")
    assert tester.tool_names() == names
