"""An audit verifier that shares no code with the product: it knows only what the format says
(docs/reference/audit-log.md): one JSON object a line; `seq` counts from the chain's first record;
`prev` is the SHA-256 of the line before, without its LF, in hex; one chain per (replica, start,
loop).
"""

import hashlib
import json
import re
from pathlib import Path

STATUSES = {"success", "error", "denied", "unauthenticated", "invalid", "cancelled"}
TYPES = {
    "mcp_request",
    "mcp_call_start",
    "mcp_call_end",
    "sandbox_call",
    "mcp_admin",
    "chain_start",
    "chain_end",
    "checkpoint",
}
_NAME = re.compile(r"(?P<writer>.+)-(?P<number>\d{6})\.jsonl$")


def files(directory: Path) -> dict[str, list[Path]]:
    """The files of each writer, in order."""
    writers: dict[str, list[Path]] = {}
    for path in sorted(directory.glob("*.jsonl")):
        match = _NAME.match(path.name)
        assert match, f"not <writer>-<nnnnnn>.jsonl: {path.name}"
        writers.setdefault(match["writer"], []).append(path)
    return writers


def read_chains(directory: Path) -> dict[str, list[dict]]:
    """Each writer's whole records, in order. A line that is being written is left out."""
    chains: dict[str, list[dict]] = {}
    for writer, paths in files(directory).items():
        whole = b"".join(path.read_bytes().rpartition(b"\n")[0] + b"\n" for path in paths)
        chains[writer] = [json.loads(line) for line in whole.split(b"\n") if line]
    return chains


def verify(directory: Path) -> int:
    """Checks every chain from its first record to its last; the number of records."""
    count = 0
    for writer, paths in files(directory).items():
        previous = None
        for path in paths:
            data = path.read_bytes()
            assert data.endswith(b"\n") or not data, f"{path.name}: the last line is cut"
            for number, line in enumerate(data.split(b"\n")[:-1], 1):
                place = f"{path.name}:{number}"
                _verify_line(line, previous, place)
                written_by = json.loads(line).get("writer", writer)
                assert written_by == writer, f"{place}: of the chain of {written_by}"
                previous = line
                count += 1
    assert count > 0, f"no audit record in {directory}"
    return count


def _verify_line(line: bytes, previous: bytes | None, place: str):
    record = json.loads(line)
    assert record["type"] in TYPES, f"{place}: type {record['type']}"
    assert "timestamp" in record, f"{place}: no timestamp"
    if record["type"] == "mcp_request":
        assert record["status"] in STATUSES, f"{place}: status {record['status']}"
    if previous is None:
        assert record["type"] == "chain_start", f"{place}: a chain begins with chain_start"
        assert (record["seq"], record["prev"]) == (0, "0" * 64), f"{place}: not the first record"
        return
    before = json.loads(previous)
    assert before["type"] != "chain_end", f"{place}: a record after chain_end"
    assert record["seq"] == before["seq"] + 1, f"{place}: seq {record['seq']} after {before['seq']}"
    expected = hashlib.sha256(previous).hexdigest()
    assert record["prev"] == expected, f"{place}: prev is not the hash of the line before"
