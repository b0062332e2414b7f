"""Bodies that are no JSON, or no JSON-RPC, or no MCP: each its answer, and each its record."""

import json

import pytest
from support.gateway import CANARY
from support.processes import wait_until
from support.rpc import text_of
from support.undisturbed import undisturbed

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602

NOT_JSON = {
    "empty": b"",
    "words": b"hello",
    "cut": b'{"jsonrpc":"2.0","id":1,"method":"ping"',
    "followed by text": b'{"jsonrpc":"2.0","id":1,"method":"ping"} x',
    "two documents": b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    b'{"jsonrpc":"2.0","id":2,"method":"ping"}',
    "single quotes": b"{'jsonrpc':'2.0','id':1,'method':'ping'}",
    "trailing comma": b'{"jsonrpc":"2.0","id":1,"method":"ping",}',
    "NaN": b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
    "comment": b'{"jsonrpc":"2.0",/* */"id":1,"method":"ping"}',
    "control character": b'{"jsonrpc":"2.0","id":"a\nb","method":"ping"}',
    "lone surrogate": b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}',
    "invalid UTF-8": b'{"jsonrpc":"2.0","id":"\xff\xfe","method":"ping"}',
    "overlong UTF-8": b'{"jsonrpc":"2.0","id":"\xc0\xaf","method":"ping"}',
    "invalid UTF-8 in arguments": b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
    b'"params":{"name":"echo","arguments":{"text":"\xff"}}}',
    "UTF-16": '{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16"),
    "10,000 arrays": b"[" * 10_000 + b"]" * 10_000,
    "10,000 arrays, open": b"[" * 10_000,
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 deep in arguments": b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
    b'"params":{"name":"echo","arguments":{"text":' + b"[" * 10_000 + b"]" * 10_000 + b"}}}",
    "65 deep": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":'
    + b"[" * 63
    + b"]" * 63
    + b"}}",
    "zero bytes": b"\0" * 100,
}

NOT_RPC = {
    "number": b"42",
    "string": b'"ping"',
    "null": b"null",
    "empty object": b"{}",
    "no version": b'{"id":1,"method":"ping"}',
    "version 1.0": b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    "version is a number": b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
    "no method": b'{"jsonrpc":"2.0","id":1}',
    "method is a number": b'{"jsonrpc":"2.0","id":1,"method":1}',
    "id is null": b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
    "id is an array": b'{"jsonrpc":"2.0","id":[1],"method":"ping"}',
    "id is an object": b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
    "id is a boolean": b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
    "params is a string": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}',
    "empty batch": b"[]",
}

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","arguments":%s}}'

DUPLICATE_KEYS = {
    "method": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}',
    "escaped": b'{"jsonrpc":"2.0","id":1,"method":"ping","m\\u0065thod":"tools/list"}',
    "id": b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    "params": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":'
    b'{"text":"a"}},"params":{"name":"raises","arguments":{}}}',
    "name": b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
    b'"params":{"name":"echo","name":"raises","arguments":{}}}',
    "arguments": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",'
    b'"arguments":{"text":"a"},"arguments":{"text":"b"}}}',
    "_meta": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":1,'
    b'"progressToken":2}}}',
}


def new_records(gateway, before: int, count: int) -> list[dict]:
    def enough():
        new = [r for r in gateway.records()[before:] if r["type"] == "mcp_request"]
        return new if len(new) >= count else None

    return wait_until(enough, f"{count} records")


def refused(gateway, client, body: bytes, code: int, headers: dict | None = None):
    """400, this code, and exactly one record that says so."""
    before = len(gateway.records())
    reply = client.post(body, headers)
    assert reply.status == 400
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.error["code"] == code
    assert reply.error["message"]
    records = new_records(gateway, before, 1)
    assert len(records) == 1 and records[0]["status"] == "invalid"
    assert records[0]["user"] == "tester@example.com"
    return reply


@pytest.mark.parametrize("name", NOT_JSON)
def test_not_json(gateway, tester, name):
    reply = refused(gateway, tester, NOT_JSON[name], PARSE_ERROR)
    assert reply.message["id"] is None


def test_64_deep_is_read(tester):
    deep = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":' + b"[" * 62 + b"]" * 62 + b"}}"
    assert tester.post(deep).result == {}


@pytest.mark.parametrize("name", NOT_RPC)
def test_json_but_not_json_rpc(gateway, tester, name):
    refused(gateway, tester, NOT_RPC[name], INVALID_REQUEST)


@pytest.mark.parametrize("name", DUPLICATE_KEYS)
def test_duplicate_key(gateway, tester, name):
    refused(gateway, tester, DUPLICATE_KEYS[name], INVALID_REQUEST)


@pytest.mark.parametrize(
    "arguments",
    ['{"text":"a","text":"b"}', '{"text":"a","t\\u0065xt":"b"}'],
    ids=["plain", "escaped"],
)
def test_duplicate_key_in_arguments_names_it(tester, arguments):
    """Gateway and tool might each take another of the two: the call is not made, its maker is
    told."""
    reply = tester.post(CALL % (b"echo", arguments.encode()))
    assert reply.status == 200
    assert reply.result["isError"] is True
    assert "text" in text_of(reply.result)


BATCH = b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]'


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25", "2026-07-28"])
def test_batch_where_the_revision_has_none(gateway, tester, revision):
    refused(gateway, tester, BATCH, INVALID_REQUEST, {"MCP-Protocol-Version": revision})


def test_batch_where_the_revision_has_it(gateway, tester):
    before = len(gateway.records())
    reply = tester.post(BATCH, {"MCP-Protocol-Version": "2025-03-26"})
    assert reply.status == 200
    assert {answer["id"]: answer["result"] for answer in json.loads(reply.body)} == {1: {}, 2: {}}
    assert len(new_records(gateway, before, 2)) == 2, "one record per message"


def test_batch_of_good_and_bad(gateway, tester):
    """Each element has its own answer; an element that is no message cannot take the others
    down."""
    body = (
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"},7,{"jsonrpc":"2.0","id":2,"method":"nonesuch"}]'
    )
    before = len(gateway.records())
    answers = json.loads(tester.post(body, {"MCP-Protocol-Version": "2025-03-26"}).body)
    by_id = {answer["id"]: answer for answer in answers}
    assert by_id[1]["result"] == {}
    assert by_id[2]["error"]["code"] == METHOD_NOT_FOUND
    assert by_id[None]["error"]["code"] == INVALID_REQUEST
    assert len(new_records(gateway, before, 3)) == 3


def test_unknown_method(tester):
    assert tester.request("tools/lst").error["code"] == METHOD_NOT_FOUND


def test_unknown_protocol_version_header(tester):
    reply = tester.request("ping", headers={"MCP-Protocol-Version": "1999-01-01"})
    assert reply.status == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_content_type(tester, kind):
    reply = tester.post(b'{"jsonrpc":"2.0","id":1,"method":"ping"}', {"Content-Type": kind})
    assert reply.status == 415


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("echo", {}, "text"),
        ("echo", {"text": 7}, "text"),
        ("echo", {"text": None}, "text"),
        ("echo", {"text": ["a"]}, "text"),
        ("echo", {"text": "a", "shout": True}, "shout"),
        ("add", {"a": 1, "b": "2"}, "b"),
        ("add", {"a": 1.5, "b": 2}, "a"),
        ("add", {"a": True, "b": 2}, "a"),
        ("wait", {"seconds": "1"}, "seconds"),
    ],
)
def test_wrong_argument_is_a_result_that_names_it(gateway, tester, name, arguments, word):
    """MCP 2025-11-25: input validation errors are tool execution errors, so that a model can
    correct itself. No process is spent: there is no mcp_call_start."""
    before = len(gateway.records())
    result = tester.call(name, arguments)
    assert result["isError"] is True
    assert f"{word}" in text_of(result)
    record = new_records(gateway, before, 1)[0]
    assert record["tool"] == name
    assert not [r for r in gateway.records()[before:] if r["type"] == "mcp_call_start"]


def test_value_of_a_wrong_argument_is_not_repeated_in_the_audit(gateway, tester):
    """And neither is the value of a right one: see the check when a gateway closes."""
    tester.call("add", {"a": f"{CANARY}-wrong", "b": 1})
    assert text_of(tester.call("echo", {"text": f"{CANARY}-right"})) == f"{CANARY}-right"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"name": 7},
        {"name": "echo", "arguments": []},
        {"name": "echo", "arguments": "text"},
        {"name": None},
    ],
    ids=str,
)
def test_call_whose_params_are_wrong(tester, params):
    assert tester.request("tools/call", params).error["code"] == INVALID_PARAMS


def test_unknown_tool(tester):
    reply = tester.request("tools/call", {"name": "nonesuch", "arguments": {}})
    assert reply.status == 200
    assert reply.error["code"] == INVALID_PARAMS
    assert "nonesuch" in reply.error["message"]


@pytest.mark.parametrize("name", ["", "a" * 5000, "../echo", "echo\0", "écho", "__import__"])
def test_names_that_no_tool_can_have(tester, name):
    assert (
        tester.request("tools/call", {"name": name, "arguments": {}}).error["code"]
        == INVALID_PARAMS
    )


@pytest.mark.parametrize("number", [b"1e999", b"18446744073709551616", b"-9223372036854775809"])
def test_numbers_out_of_range(tester, number):
    """RFC 7493, 2.2: who reads it next may read another number."""
    reply = tester.post(CALL % (b"add", b'{"a":%s,"b":1}' % number))
    assert reply.status == 400
    assert reply.error["code"] == INVALID_REQUEST
    assert reply.error["message"].startswith("a number out of range at byte ")


def test_others_notice_nothing(tester):
    with undisturbed(tester):
        for _ in range(3):
            for body in NOT_JSON.values():
                assert tester.post(body).status == 400
