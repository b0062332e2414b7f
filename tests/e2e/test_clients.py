"""The real clients, each in its era, with a key from `mcpgate keys create`: they list and call
log_store, and do all else that a client does."""

import pytest
from support.clients import bridged, curl, inspector, node_program, python_program
from support.processes import wait_until
from support.rpc import text_of

SUMMARY = {"name": "log_store", "arguments": {"action": "summary"}}
NEWEST_LEGACY = "2025-11-25"
MODERN = "2026-07-28"


@pytest.fixture(scope="module")
def key(project_gateway):
    return project_gateway.known_key("analyst@example.com", "mcp-log-analyst")


def order(gateway, key: str, **more) -> dict:
    headers = {"Authorization": f"Bearer {key}"}
    return {"url": gateway.url, "headers": headers, "calls": [SUMMARY]} | more


def check_summary(result: dict):
    assert not result.get("isError"), text_of(result)
    assert result["structuredContent"] or text_of(result)
    assert "error" in text_of(result).lower(), "the corpus has errors to sum up"


def check(report: dict, protocol_version: str):
    assert report["protocolVersion"] == protocol_version
    assert {"log_store", "privacy"} <= set(report["tools"])
    assert "error" not in report["calls"][0], report["calls"][0]
    check_summary(report["calls"][0]["result"])


CLIENTS = [
    ("sdk_v1", "legacy", NEWEST_LEGACY),
    ("sdk_v2", MODERN, MODERN),
    ("sdk_v2", "auto", MODERN),
    ("sdk_v2", "legacy", NEWEST_LEGACY),
    ("python", MODERN, MODERN),
    ("python", "auto", MODERN),
    ("python", "legacy", NEWEST_LEGACY),
    ("mcp-remote", "legacy", NEWEST_LEGACY),
]


@pytest.fixture
def run(tmp_path):
    """Runs a client of CLIENTS; its report."""

    def run(program: str, wanted: dict) -> dict:
        if program == "python":
            return python_program(wanted)
        if program == "mcp-remote":
            return node_program("sdk_v1", bridged(wanted, tmp_path))
        return node_program(program, wanted)

    return run


@pytest.mark.parametrize(("program", "era", "version"), CLIENTS)
def test_each_client_calls_log_store(project_gateway, key, run, program, era, version):
    check(run(program, order(project_gateway, key, era=era)), version)


COUNT = {"name": "count", "arguments": {"steps": 3, "pause": 0.05}}
ENDLESS = {"name": "count", "arguments": {"steps": 300, "pause": 0.1}, "cancelAfterProgress": 2}
BOOK = {"name": "book", "arguments": {"day": "Monday"}}
ANSWERS = {"name": "Ann", "seats": 4, "table": "window"}
README = {"method": "readResource", "params": {"uri": "trial://readme"}}
GREET = {"method": "getPrompt", "params": {"name": "greet", "arguments": {"whom": "Ann"}}}


@pytest.mark.parametrize(("program", "era", "version"), CLIENTS)
def test_each_client_does_everything(asking_gateway, run, program, era, version):
    """One client: a list, a call with progress, one that it cancels, one that asks its user, a
    resource and a prompt."""
    user = f"{program}-{era}@example.com"
    key = asking_gateway.known_key(user, "mcp-tester")
    calls, others = [COUNT, ENDLESS, BOOK], [README, GREET]
    wanted = order(asking_gateway, key, era=era, calls=calls, others=others, answers=ANSWERS)
    report = run(program, wanted)
    assert report["protocolVersion"] == version
    assert {"count", "book"} <= set(report["tools"])
    counted, cancelled, booked = report["calls"]
    assert text_of(counted["result"]) == "counted to 3"
    assert [update["progress"] for update in counted["progress"]] == [1, 2, 3]
    assert {update["total"] for update in counted["progress"]} == {3}
    assert "error" in cancelled, cancelled
    assert text_of(booked["result"]) == "Ann: 4 at the window, accept"
    read, got = (other["result"] for other in report["others"])
    assert read["contents"][0]["text"] == f"# Trial\n\nFor {user}."
    assert got["messages"][0]["content"]["text"] == "Greet Ann, dry."

    def ended():
        ends = [record for record in asking_gateway.records()
                if record["type"] == "mcp_request" and record.get("user") == user
                and record.get("tool") == "count"]  # fmt: skip
        return ends if len(ends) == 2 else None

    statuses = [end["status"] for end in wait_until(ended, "both calls of count are recorded")]
    assert statuses == ["success", "cancelled"]


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_inspector(project_gateway, key, era):
    listed = inspector(project_gateway.url, key, era, "--method", "tools/list")
    assert {"log_store", "privacy"} <= {tool["name"] for tool in listed["tools"]}
    words = ["--method", "tools/call", "--tool-name", "log_store", "--tool-arg", "action=summary"]
    check_summary(inspector(project_gateway.url, key, era, *words))


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_inspector_reads_and_gets(asking_gateway, era):
    key = asking_gateway.known_key("inspector@example.com", "mcp-tester")
    words = ["--method", "resources/read", "--uri", "trial://readme"]
    read = inspector(asking_gateway.url, key, era, *words)
    assert read["contents"][0]["text"] == "# Trial\n\nFor inspector@example.com."
    words = ["--method", "prompts/get", "--prompt-name", "greet", "--prompt-args", "whom=Ann"]
    got = inspector(asking_gateway.url, key, era, *words)
    assert got["messages"][0]["content"]["text"] == "Greet Ann, dry."


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_inspector_finds_no_fault(project_gateway, key, asking_gateway, era):
    tester = asking_gateway.known_key("strict@example.com", "mcp-tester")
    for url, who in ((project_gateway.url, key), (asking_gateway.url, tester)):
        inspector(url, who, era, "--strict", "--method", "tools/list")


def test_curl(project_gateway, key):
    """Who writes requests of 2026-07-28 by hand."""
    declared = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "curl", "version": "1"},
    }

    def ask(method: str, params: dict, *headers: str) -> dict:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": declared}}
        return curl(project_gateway.url, key, body, f"Mcp-Method: {method}", *headers)["result"]

    assert MODERN in ask("server/discover", {})["supportedVersions"]
    assert {"log_store"} <= {tool["name"] for tool in ask("tools/list", {})["tools"]}
    check_summary(ask("tools/call", SUMMARY, "Mcp-Name: log_store"))


def test_wrong_key_is_told_to_the_client(gateway):
    wrong = order(gateway, "mcpk_aaaaaaaaaaaa_" + "A" * 43 + "00000000")
    with pytest.raises(AssertionError, match="401"):
        node_program("sdk_v2", wrong | {"era": "auto"})
