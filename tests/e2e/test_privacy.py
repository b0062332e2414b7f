"""The tool `privacy` at the size that its reference promises."""

import json

import pytest
from support.rpc import McpClient, reason_of, text_of

CHARS_MAX = 1_000_000

LARGEST = {
    "ASCII": "a",
    "four bytes each": "😀",
    "escaped twice in an answer": '"\\\n',
    "longer by its pseudonyms": "{:x}@b.cc ",
    "many short values": "{:x}::2 ",
}


@pytest.fixture(scope="module")
def analyst(project_gateway):
    key = project_gateway.known_key("privacy@example.com", "mcp-log-analyst")
    return McpClient(project_gateway.url, key)


def privacy(analyst, arguments: dict):
    """Calls it with a body of UTF-8, not of escapes."""
    params = {"name": "privacy", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return analyst.post(json.dumps(message, ensure_ascii=False).encode())


def text_of_size(unit: str) -> str:
    if "{" not in unit:
        return (unit * CHARS_MAX)[:CHARS_MAX]
    text = "".join(unit.format(number) for number in range(CHARS_MAX // len(unit.format(0))))
    return text[:CHARS_MAX].rpartition(" ")[0].ljust(CHARS_MAX)


@pytest.mark.parametrize("unit", LARGEST.values(), ids=LARGEST.keys())
def test_largest_text_is_answered(analyst, unit):
    text = text_of_size(unit)
    result = privacy(analyst, {"text": text}).result
    assert not result.get("isError"), text_of(result)[:300]
    answer = result["structuredContent"]
    assert json.loads(text_of(result)) == answer
    if "{" in unit:
        assert answer["total"] > CHARS_MAX // 20
        assert not set("@") & set(answer["text"])
    else:
        assert answer["text"] == text


def test_one_character_more_is_refused_by_name(analyst):
    result = privacy(analyst, {"text": "a" * (CHARS_MAX + 1)}).result
    assert result["isError"]
    assert "text" in text_of(result) and str(CHARS_MAX) in text_of(result)


def test_answer_that_grows_beyond_one_is_refused_by_its_size(analyst):
    text = text_of_size("{:x}@b.cc ")
    result = privacy(analyst, {"text": text, "replacement": "x" * 200}).result
    assert result["isError"] and reason_of(result) is None
    assert "14680064 is the limit; give the text in parts" in text_of(result)
