"""Every real client initialises, lists and calls log_store with a key from `mcpgate keys
create`."""

import pytest
from support.clients import inspector, node_program, python_program
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


def test_typescript_sdk_v1(project_gateway, key):
    check(node_program("sdk_v1", order(project_gateway, key)), NEWEST_LEGACY)


@pytest.mark.parametrize(
    ("era", "version"), [(MODERN, MODERN), ("auto", MODERN), ("legacy", NEWEST_LEGACY)]
)
def test_typescript_sdk_v2(project_gateway, key, era, version):
    check(node_program("sdk_v2", order(project_gateway, key, era=era)), version)


@pytest.mark.parametrize(
    ("era", "version"), [(MODERN, MODERN), ("auto", MODERN), ("legacy", NEWEST_LEGACY)]
)
def test_python_sdk(project_gateway, key, era, version):
    check(python_program(order(project_gateway, key, era=era)), version)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_inspector(project_gateway, key, era):
    listed = inspector(project_gateway.url, key, era, "--method", "tools/list")
    assert {"log_store", "privacy"} <= {tool["name"] for tool in listed["tools"]}
    words = ["--method", "tools/call", "--tool-name", "log_store", "--tool-arg", "action=summary"]
    check_summary(inspector(project_gateway.url, key, era, *words))


def test_inspector_finds_no_fault_in_the_schemas(project_gateway, key):
    inspector(project_gateway.url, key, "modern", "--strict", "--method", "tools/list")


def test_progress_reaches_both_eras(gateway):
    key = gateway.known_key("progress@example.com", "mcp-tester")
    call = {"name": "count", "arguments": {"steps": 3, "pause": 0.05}}
    for program, era in (("sdk_v1", "legacy"), ("sdk_v2", MODERN)):
        report = node_program(program, order(gateway, key, era=era, calls=[call]))
        done = report["calls"][0]
        assert text_of(done["result"]) == "counted to 3"
        assert [update["progress"] for update in done["progress"]] == [1, 2, 3]
        assert {update["total"] for update in done["progress"]} == {3}


def test_wrong_key_is_told_to_the_client(gateway):
    wrong = order(gateway, "mcpk_aaaaaaaaaaaa_" + "A" * 43 + "00000000")
    with pytest.raises(AssertionError, match="401"):
        node_program("sdk_v2", wrong | {"era": "auto"})
