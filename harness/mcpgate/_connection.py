"""A database of the tool set, by its name: a broker outside of the sandbox speaks with it, so the
call never holds a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

from ._channel import Channel
from ._tool import ToolError


class QueryError(ToolError):
    """A query that gave no rows, and why: the database's SQLSTATE and message (`42P01: relation
    "order" does not exist`), a cap of toolset.yaml, or what is wrong with the connection. It holds
    no host and no secret, so it may go to the caller, as it does where it is not caught."""


@dataclass(frozen=True)
class Column:
    name: str
    #: As the database writes it: `integer`, `character varying(20)`, `text[]`.
    type: str


@dataclass(frozen=True)
class Rows:
    """What a query gave."""

    columns: list[Column]
    #: bool, int, float, None and what json holds as themselves; the rest, numeric and timestamps
    #: among it, as the database's text.
    rows: list[list[Any]]
    #: Whether there were more, beyond `rows` or `bytes` of toolset.yaml.
    truncated: bool


class Connection:
    """What Context.connection() gives."""

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel = channel
        self.name = name

    def query(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Runs one statement that reads. `params` are the values of `$1`, `$2`, …: never put values
        into `sql`. Raises QueryError."""
        if isinstance(params, (str, bytes)):
            raise TypeError(f"params is a list of values, not {type(params).__name__}")
        reply = self._channel.ask(
            "connection/query", {"connection": self.name, "sql": sql, "params": list(params)}
        )
        if "error" in reply:
            raise QueryError(reply["error"]["message"])
        result = reply["result"]
        return Rows(
            columns=[Column(column["name"], column["type"]) for column in result["columns"]],
            rows=result["rows"],
            truncated=result["truncated"],
        )
