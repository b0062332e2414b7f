"""`tools list|call`, `check`, `--help`, exit codes: what a person or a script types."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from support import BIN
from support.gateway import environment

COMMANDS = [
    [],
    ["up"],
    ["serve"],
    ["check"],
    ["keys"],
    ["keys", "create"],
    ["keys", "list"],
    ["keys", "revoke"],
    ["keys", "rotate"],
    ["tools"],
    ["tools", "list"],
    ["tools", "call"],
    ["tools", "pin"],
    ["tools", "diff"],
    ["client-config"],
    ["stdio"],
]
SANDBOX_COMMANDS = [[], ["serve"], ["describe"], ["run"]]
EVERY_COMMAND = [["mcpgate", *words] for words in COMMANDS] + [
    ["mcpgate-sandbox", *words] for words in SANDBOX_COMMANDS
]
SCREEN = (24 * 2, 100)  # Lines and columns of what still counts as one screen.


@pytest.fixture(scope="module")
def flags(gateway):
    key = gateway.known_key("cli@example.com", "mcp-tester")
    return ["--url", gateway.url, "--token-file", str(gateway.key_file(key))]


def test_tools_list(gateway, flags):
    done = gateway.mcpgate("tools", "list", *flags)
    assert done.returncode == 0, done.stderr
    assert "echo" in done.stdout and "vacuum" not in done.stdout


def test_tools_list_as_json(gateway, flags):
    done = gateway.mcpgate("tools", "list", *flags, "--output", "json")
    assert done.returncode == 0, done.stderr
    listed = {tool["name"]: tool for tool in json.loads(done.stdout)["tools"]}
    assert listed["add"]["inputSchema"]["required"] == ["a", "b"]
    assert listed["echo"]["annotations"]["readOnlyHint"] is True


class Pages(BaseHTTPRequestHandler):
    """A server whose list has a page for each of `names`, and no end where it is `endless`."""

    names: ClassVar = ["first", "second", "third"]
    endless = False

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        page = int(request["params"].get("cursor", "0"))
        result = {"tools": [{"name": self.names[page], "inputSchema": {"type": "object"}}]}
        if self.endless or page + 1 < len(self.names):
            result["nextCursor"] = str((page + 1) % len(self.names))
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("endless", [False, True])
def test_every_page_of_a_list_is_read(gateway, flags, endless):
    handler = type("These", (Pages,), {"endless": endless})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        elsewhere = ["--url", f"http://127.0.0.1:{server.server_port}/mcp", *flags[2:]]
        listed = gateway.mcpgate("tools", "list", *elsewhere)
        found = gateway.mcpgate("tools", "search", "third", *elsewhere)
        server.shutdown()
    if endless:
        assert (listed.returncode, listed.stdout) == (1, "")
        assert "a page that comes again" in listed.stderr
    else:
        assert listed.stdout.split() == Pages.names
        assert found.stdout.split() == ["third"]


def test_tools_call(gateway, flags):
    done = gateway.mcpgate("tools", "call", "echo", '{"text":"typed"}', *flags)
    assert done.returncode == 0, done.stderr
    assert "typed" in done.stdout


def test_failed_call_is_the_answer_no(gateway, flags):
    done = gateway.mcpgate("tools", "call", "raises", "{}", *flags)
    assert done.returncode == 1
    assert "the tool's own mistake" in done.stdout + done.stderr


def test_unknown_tool_is_the_answer_no(gateway, flags):
    done = gateway.mcpgate("tools", "call", "nonesuch", "{}", *flags)
    assert done.returncode == 1
    assert "nonesuch" in done.stderr


@pytest.mark.parametrize("arguments", ["{not json", "[1]", '"text"'])
def test_arguments_that_are_no_object_are_wrong_usage(gateway, flags, arguments):
    done = gateway.mcpgate("tools", "call", "echo", arguments, *flags)
    assert done.returncode == 2
    assert done.stderr


def test_gateway_that_is_away_is_an_error_that_says_so(gateway):
    done = gateway.mcpgate("tools", "list", "--url", "http://127.0.0.1:1/mcp")
    assert done.returncode in (1, 2)
    assert "127.0.0.1:1" in done.stderr


def test_key_is_no_flag(gateway, flags):
    """A secret is never an argument: others see it in the process table."""
    done = gateway.mcpgate("tools", "list", "--url", gateway.url, "--token", "mcpk_x")
    assert done.returncode == 2


def test_token_file_that_others_may_read_is_refused(gateway, flags, tmp_path):
    loose = tmp_path / "loose"
    loose.write_text("mcpk_x\n")
    loose.chmod(0o644)
    done = gateway.mcpgate("tools", "list", "--url", gateway.url, "--token-file", loose)
    assert done.returncode != 0
    assert str(loose) in done.stderr


def test_summary_of_real_files(project_gateway):
    """The line of the quick start: `mcpgate tools call log_store '{"action":"summary"}'`."""
    key = project_gateway.known_key("cli@example.com", "mcp-log-analyst")
    done = project_gateway.mcpgate(
        "tools",
        "call",
        "log_store",
        '{"action":"summary"}',
        "--url",
        project_gateway.url,
        "--token-file",
        project_gateway.key_file(key),
    )
    assert done.returncode == 0, done.stderr
    assert "error" in done.stdout.lower()


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_help_fits_a_screen(words, tmp_path):
    done = subprocess.run(
        [BIN / words[0], *words[1:], "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert 2 < len(lines) <= SCREEN[0]
    assert max(map(len, lines)) <= SCREEN[1]


WRONG_USAGE = [
    ["mcpgate", "frobnicate"],
    ["mcpgate", "up", "--frobnicate"],
    ["mcpgate", "keys"],
    ["mcpgate", "up", "--port", "x"],
    ["mcpgate-sandbox"],
    ["mcpgate-sandbox", "frobnicate"],
    ["mcpgate-sandbox", "serve", "--tools", "."],
    ["mcpgate-sandbox", "describe", "--tools", "nonesuch"],
]


@pytest.mark.parametrize("words", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_is_exit_2(words, tmp_path):
    done = subprocess.run(
        [BIN / words[0], *words[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr
    assert not any(tmp_path.iterdir()), "wrong usage makes nothing"


def up(tmp_path, *words, state=None):
    return subprocess.run(
        [BIN / "mcpgate", "up", "--port", "0", "--admin-port", "0", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(state or tmp_path / "state"),
        cwd=tmp_path,
    )


def test_up_without_a_tool_set_is_wrong_usage(tmp_path):
    (tmp_path / "empty").mkdir()
    done = up(tmp_path, "--tools", "empty")
    assert done.returncode == 2
    assert f"no tool set in {tmp_path}/empty:" in done.stderr
    assert "did you mean" not in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["toolset.yaml", "words.py"])
@pytest.mark.parametrize("argument", ["tools/words", "tools/words/", "./tools/../tools/words"])
def test_up_over_one_sets_folder_names_its_parent(tmp_path, name, argument):
    (tmp_path / "tools/words").mkdir(parents=True)
    (tmp_path / "tools/words" / name).write_text("")
    done = up(tmp_path, "--tools", argument)
    assert done.returncode == 2
    assert f"did you mean its parent, {tmp_path}/tools?" in done.stderr


def test_up_whose_state_is_too_long_for_a_socket(tmp_path):
    (tmp_path / "tools/words").mkdir(parents=True)
    (tmp_path / "tools/words/toolset.yaml").write_text("description: x\n")
    done = up(tmp_path, "--tools", "tools", state=tmp_path / ("s" * 100))
    assert done.returncode == 2
    assert "at most 107 bytes; name a shorter folder" in done.stderr


def test_output_that_cannot_be_written_is_exit_1(gateway, flags):
    commands = [["keys", "list"], ["tools", "list", *flags], ["client-config", "--client", "cursor"]]
    for words in commands:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [BIN / "mcpgate", *map(str, words)],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                env=environment(gateway.state),
                cwd=gateway.state,
            )
        assert done.returncode == 1, words
        assert "could not be written" in done.stderr, words


def test_closed_descriptors_are_never_taken_for_files(tmp_path):
    """What is printed must not end in the first file that is opened, such as a key's."""
    script = f"exec {BIN}/mcpgate keys create --user bob --roles r 0<&- 1>&- 2>&-"
    subprocess.run(["sh", "-c", script], env=environment(tmp_path), cwd=tmp_path, timeout=60)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files, "the key was made"
    for path in files:
        assert b"mcpk_" not in path.read_bytes(), path


def test_token_file_that_is_no_file_of_ones_own_is_wrong_usage(gateway, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path, says in ((fifo, "not a regular file"), (tmp_path, "not a regular file"),
                       (tmp_path / "absent", "No such file")):  # fmt: skip
        for words in (["tools", "list"], ["tools", "call", "echo"]):
            done = gateway.mcpgate(*words, "--url", gateway.url, "--token-file", path)
            assert done.returncode == 2, (path, words)
            assert says in done.stderr and "chmod" not in done.stderr


def test_call_without_a_name_says_what_to_do(gateway, flags):
    done = gateway.mcpgate("tools", "call", "", *flags)
    assert done.returncode == 2
    assert "tools list" in done.stderr


def test_tool_does_not_write_to_the_terminal_what_a_terminal_obeys(gateway, flags):
    leader, follower = os.openpty()
    try:
        done = subprocess.run(
            [BIN / "mcpgate", "tools", "call", "echo", '{"text": "a\\u001b]0;title\\u0007b"}',
             *map(str, flags)],
            stdout=follower, stderr=subprocess.PIPE, timeout=60, env=environment(gateway.state),
            cwd=gateway.state,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shown = os.read(leader, 4096)
    finally:
        os.close(leader)
        os.close(follower)
    assert b"a\\u{1b}]0;title\\u{7}b" in shown
    assert b"\x1b" not in shown


def test_wrong_configuration_is_told_before_missing_tools(tmp_path):
    config = tmp_path / "bad.yaml"
    config.write_text("listen: nowhere\n")
    done = subprocess.run(
        [BIN / "mcpgate", "up", "--config", config],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "bad.yaml:1:" in done.stderr
    assert "is not a folder" not in done.stderr
