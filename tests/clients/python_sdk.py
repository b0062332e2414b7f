"""The official Python SDK, in the era that the order names; order and report as in common.mjs.

The SDK's own name is `mcp`; it runs in build/venv.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

from mcp import Client, MCPError


def http_client(order):
    verify = True
    if "ca" in order:
        verify = ssl.create_default_context(cafile=order["ca"])
        if "cert" in order:
            verify.load_cert_chain(order["cert"], order["key"])
    return httpx2.AsyncClient(headers=order.get("headers", {}), verify=verify, timeout=60)


async def make_call(client, call):
    progress = []
    result = None
    with anyio.CancelScope() as scope:

        async def on_progress(done, total, message):
            progress.append({"progress": done, "total": total, "message": message})
            if len(progress) == call.get("cancelAfterProgress"):
                scope.cancel()

        made = client.call_tool(call["name"], call["arguments"], progress_callback=on_progress)
        result = await outcome(made)
    cancelled = {"error": {"code": None, "message": "cancelled by the test"}}
    return (result or cancelled) | {"progress": progress}


async def make_other(client, other):
    params = other["params"]
    if other["method"] == "readResource":
        return await outcome(client.read_resource(params["uri"]))
    assert other["method"] == "getPrompt", other
    return await outcome(client.get_prompt(params["name"], params["arguments"]))


async def outcome(request):
    """What a request ends with, as the report has it."""
    try:
        result = await request
        return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}
    except MCPError as error:
        return {"error": {"code": error.code, "message": str(error)}}


def user_of(order):
    """Fills every form with the ordered answers; nobody where there are none."""

    async def elicit(context, params):
        return ElicitResult(action="accept", content=order["answers"])

    return elicit if "answers" in order else None


async def listen(client, edit):
    """Whether an edit of a tool set is told."""
    async with client.listen(tools_list_changed=True) as subscription:
        draft = Path(edit["path"] + ".draft")
        draft.write_text(edit["text"])
        draft.rename(edit["path"])
        async for _ in subscription:
            return True
    return False


async def main():
    order = json.load(sys.stdin)
    async with http_client(order) as http:
        transport = streamable_http_client(order["url"], http_client=http)
        async with Client(
            transport, mode=order.get("era", "auto"), elicitation_callback=user_of(order)
        ) as client:
            tools = await client.list_tools()
            report = {
                "protocolVersion": client.protocol_version,
                "server": client.server_info.model_dump(mode="json")
                if client.server_info
                else None,
                "tools": [tool.name for tool in tools.tools],
                "told": "edit" in order and await listen(client, order["edit"]),
                "calls": [await make_call(client, call) for call in order.get("calls", [])],
                "others": [await make_other(client, other) for other in order.get("others", [])],
            }
    json.dump(report, sys.stdout)


asyncio.run(main())
