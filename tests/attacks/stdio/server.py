"""A stdio server whose tools are the attacks beside it: what they try here, they try as the program
that a child has become."""

import importlib
import json
import os
import sys
from pathlib import Path

import _attack

FOLDER = Path(__file__).resolve().parent


def send(**message) -> None:
    os.write(1, (json.dumps({"jsonrpc": "2.0"} | message) + "\n").encode())


def tools() -> list[dict]:
    names = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
    names += [f"{name}_plant" for name in names]
    return [{"name": name, "inputSchema": {"type": "object"}} for name in names]


def call(name: str, target: dict) -> dict:
    module = importlib.import_module(name.removesuffix("_plant"))
    if name == "sibling":
        return {"worked": module.sibling(target)}
    attack = _attack.declared[module.__name__]
    return _attack.attempt(attack.plant if name.endswith("_plant") else attack.function, target)


def answer(method: str, params: dict) -> dict:
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "attacks", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": tools()}
    os.chdir(os.environ["TMPDIR"])  # where a child stands that is no server
    # The copy that a server runs from, not the folder that it was copied from.
    target = params["arguments"]["target"] | {"tool_set": str(FOLDER)}
    ended = call(params["name"], target)
    return {"content": [{"type": "text", "text": json.dumps(ended)}], "structuredContent": ended}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        try:
            send(id=message["id"], result=answer(message["method"], message.get("params", {})))
        except MemoryError:
            send(id=message["id"], error={"code": -32603, "message": "MemoryError"})


main()
