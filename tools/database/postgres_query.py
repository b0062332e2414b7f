"""SELECTs against the connection `warehouse` of toolset.yaml."""

from typing import Annotated, Any, TypedDict

from mcpgate import Context, Field, tool

CONNECTION = "warehouse"


class ColumnInfo(TypedDict):
    name: str
    type: str


class QueryResult(TypedDict):
    columns: list[ColumnInfo]
    rows: list[list[Any]]
    truncated: bool


@tool(title="Query the database", read_only=True, open_world=False)
def postgres_query(
    sql: Annotated[str, Field(min_length=1, max_length=65_536)],
    ctx: Context,
    params: Annotated[list[Any], Field(max_length=1000)] = [],
) -> QueryResult:
    """Runs one SELECT (or WITH, VALUES, TABLE) against the PostgreSQL database and returns its rows.

    The database's role can only read, and the statement runs in a read-only transaction that is
    rolled back. Rows, bytes and time of an answer are capped, and a statement that the planner
    expects to be too expensive is refused before it runs: aggregate in SQL, select the columns you
    need and add WHERE and LIMIT rather than read a table whole. To learn what there is, read
    information_schema.tables and information_schema.columns.

    Args:
        sql: One statement, with $1, $2, … in place of values; cast where the type is not clear
            ($1::date).
        params: The values of $1, $2, …, in order.

    Returns:
        The columns with their PostgreSQL types, the rows as lists in the order of the columns
        (numeric and timestamps as text), and whether there were more rows than an answer holds.
    """
    result = ctx.connection(CONNECTION).query(sql, params)
    return {
        "columns": [{"name": column.name, "type": column.type} for column in result.columns],
        "rows": result.rows,
        "truncated": result.truncated,
    }
