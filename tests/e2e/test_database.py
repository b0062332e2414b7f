"""Tools with a database: a broker holds the password and speaks with a real PostgreSQL; the call
gets rows. tools/database as it is, and a set with narrow caps beside it."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support import BIN
from support.gateway import Gateway, SandboxDaemon, change_settings, project_tools, tool_set
from support.postgres import Postgres
from support.processes import descendants, wait_until
from support.rpc import reason_of, text_of

PROBE = '''
import os
from typing import Any
from pathlib import Path
from mcpgate import Context, QueryError, tool


@tool(read_only=True)
def ask(connection: str, sql: str, ctx: Context, params: list[Any] = []) -> dict:
    """Asks any connection."""
    try:
        rows = ctx.connection(connection).query(sql, params)
    except QueryError as error:
        return {"error": str(error)}
    return {"rows": rows.rows, "truncated": rows.truncated, "types": [c.type for c in rows.columns]}


@tool(read_only=True)
def look(files: list[str]) -> dict:
    """What can be read of these files, and of all processes."""
    seen = {"environment": repr(os.environ)}
    places = [*files, *Path("/proc").glob("[0-9]*/environ"), *Path("/proc").glob("[0-9]*/cmdline")]
    for place in map(str, places):
        try:
            seen[place] = Path(place).read_bytes().decode("utf-8", "replace")
        except OSError as error:
            seen[place] = type(error).__name__
    return seen
'''

SETTINGS = """
codeMode: true
limits: {wall: 8s}
connections:
  few: {type: postgresql, rows: 3, bytes: 64Ki, time: 10m, processes: 1}
  small: {type: postgresql, bytes: 1Ki}
  brief: {type: postgresql, time: 500ms}
  cheap: {type: postgresql, cost: 1000}
  writer: {type: postgresql}
  superuser: {type: postgresql}
  files: {type: postgresql}
  wrong: {type: postgresql}
  nowhere: {type: postgresql}
  readable: {type: postgresql}
  garbled: {type: postgresql}
  missing: {type: postgresql}
  unset: {type: postgresql}
"""

SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2), weight float8,
                    sold bool, extra jsonb, made timestamptz, tags text[]);
INSERT INTO items VALUES
  (1, 'pen', 1.50, 0.25, true, '{"a": [1, null]}', '2024-01-02 03:04:05+00', '{x,y}'),
  (2, 'ink', 3.00, 'NaN', false, NULL, NULL, NULL);
INSERT INTO items (id, name) SELECT n, 'item ' || n FROM generate_series(3, 5000) n;
ANALYZE items;
"""


class World:
    """The database, the gateway before it, and what only the broker is to know."""

    def __init__(self, folder):
        self.postgres = Postgres()
        self.password = secrets.token_hex(12)
        self.folder = folder
        self.postgres.admin(SCHEMA)
        for role in ("reader", "writer", "files"):
            self.postgres.admin(f"CREATE ROLE {role} LOGIN PASSWORD '{self.password}'")
            self.postgres.admin(f"GRANT SELECT ON items TO {role}")
        self.postgres.admin("GRANT INSERT ON items TO writer")
        self.postgres.admin("GRANT pg_read_server_files TO files")
        tools = folder / "tools"
        shutil.copytree(project_tools() / "database", tools / "database")
        (tools / "log-analysis").mkdir()
        (tools / "log-analysis" / "toolset.yaml").touch()
        (tools / "probe").mkdir()
        (tools / "probe" / "probe.py").write_text(PROBE)
        (tools / "probe" / "toolset.yaml").write_text(SETTINGS)
        reader = self.postgres.conninfo("reader", self.password)
        for name in ("warehouse", "few", "small", "brief", "cheap", "readable"):
            self.write(name, reader)
        (folder / "readable").chmod(0o644)
        self.write("writer", self.postgres.conninfo("writer", self.password))
        self.write("files", self.postgres.conninfo("files", self.password))
        self.write("superuser", self.postgres.conninfo("admin", self.postgres.password))
        self.write("wrong", self.postgres.conninfo("reader", self.password + "x"))
        self.write("nowhere", f"host={folder} dbname=x user=reader password={self.password}")
        self.write("garbled", f"postgresql://reader:{self.password}@[oops")
        names = [line.split(":")[0].strip() for line in SETTINGS.splitlines() if "type:" in line]
        files = {name: {"file": str(folder / name)} for name in names if name != "unset"}
        self.gateway = Gateway(
            tools,
            config={
                "auth": {"apiKeys": {"directory": "keys"}},
                "roles": {"mcp-viewer": {"toolSets": ["log-analysis", "probe"], "readOnly": True}},
                "toolSets": {
                    "database": tool_set(
                        "database",
                        "mcp-dba",
                        connections={"warehouse": {"file": str(folder / "warehouse")}},
                    ),
                    "probe": tool_set(
                        "probe", "mcp-prober", connections=files, codeMode=True
                    ),
                    "log-analysis": tool_set("log-analysis", "mcp-log-analyst"),
                },
                "audit": {"directory": "audit"},
            },
        )
        self.gateway.secrets += [self.password, self.postgres.password]

    def write(self, name: str, conninfo: str):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(conninfo + "\n")

    def brokers(self) -> list:
        family = descendants(self.gateway.process.pid)
        return [process for process in family if process.name == "mcpgate-broker"]

    def running(self, what: str) -> int:
        """How many statements with these words run in the database."""
        return int(
            self.postgres.admin(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
                f"AND usename <> 'admin' AND query LIKE '%{what}%'"
            )
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("database"))
    try:
        world.gateway.wait_ready()
        yield world
        world.gateway.close()
    finally:
        world.gateway.process.kill()
        world.postgres.close()


@pytest.fixture(scope="module")
def dba(world):
    return world.gateway.user("dba@example.com", "mcp-dba")


@pytest.fixture(scope="module")
def prober(world):
    return world.gateway.user("prober@example.com", "mcp-prober")


def query(dba, sql: str, *params) -> dict:
    result = dba.call("postgres_query", {"sql": sql, "params": list(params)})
    assert not result.get("isError"), text_of(result)
    return result["structuredContent"]


def refusal(dba, sql: str, *params) -> str:
    result = dba.call("postgres_query", {"sql": sql, "params": list(params)})
    assert result["isError"], result
    return text_of(result)


def ask(prober, connection: str, sql: str, *params) -> dict:
    result = prober.call("ask", {"connection": connection, "sql": sql, "params": list(params)})
    assert not result.get("isError"), text_of(result)
    return result["structuredContent"]


def test_rows_have_types(dba):
    answer = query(dba, "SELECT * FROM items WHERE id <= 2 ORDER BY id")
    assert answer["columns"] == [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "text"},
        {"name": "price", "type": "numeric(8,2)"},
        {"name": "weight", "type": "double precision"},
        {"name": "sold", "type": "boolean"},
        {"name": "extra", "type": "jsonb"},
        {"name": "made", "type": "timestamp with time zone"},
        {"name": "tags", "type": "text[]"},
    ]
    assert answer["rows"] == [
        [1, "pen", "1.50", 0.25, True, {"a": [1, None]}, "2024-01-02 03:04:05+00", "{x,y}"],
        [2, "ink", "3.00", "NaN", False, None, None, None],
    ]
    assert answer["truncated"] is False


def test_parameters_are_values_and_never_sql(dba):
    nasty = "'; DROP TABLE items; --"
    answer = query(
        dba,
        "SELECT $1::text, $2::bigint, $3::float8, $4::bool, $5::text, $6::jsonb",
        nasty, 2**63 - 1, 0.1, True, None, {"k": ["v", 1]},
    )  # fmt: skip
    assert answer["rows"] == [[nasty, 2**63 - 1, 0.1, True, None, {"k": ["v", 1]}]]
    assert query(dba, "SELECT name FROM items WHERE id = $1", 1)["rows"] == [["pen"]]
    assert "22P02: invalid input syntax" in refusal(dba, "SELECT $1::int", "one")
    assert "08P01: bind message supplies 0 parameters" in refusal(dba, "SELECT $1::int")
    assert "parameter $1 holds a NUL" in refusal(dba, "SELECT $1::text", "a\0b")


def test_an_answer_may_have_no_rows_and_no_columns(dba):
    none = query(dba, "SELECT id FROM items WHERE false")
    assert none == {
        "columns": [{"name": "id", "type": "integer"}], "rows": [], "truncated": False,
    }  # fmt: skip
    assert query(dba, "SELECT FROM items LIMIT 2")["rows"] == [[], []]


def test_writing_is_refused_by_the_role_and_by_the_transaction(world, dba, prober):
    insert = "INSERT INTO items (id, name) VALUES (9999, 'new')"
    assert refusal(dba, insert) == "42501: permission denied for table items"
    assert ask(prober, "writer", insert) == {
        "error": "25006: cannot execute INSERT in a read-only transaction"
    }
    switched = ask(prober, "writer", "SELECT set_config('transaction_read_only', 'off', false)")
    assert switched["error"].startswith("25001: "), switched
    assert world.postgres.admin("SELECT count(*) FROM items WHERE id = 9999") == "0"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DELETE FROM items",
        "COMMIT",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "COPY items TO '/tmp/items'",
        "(FORMAT TEXT) SELECT 1",
        "DO $$ BEGIN COMMIT; END $$",
        "LOCK TABLE items",
        " ",
    ],
)
def test_only_one_statement_that_reads_runs(dba, sql):
    assert refusal(dba, sql).startswith("42601: ")


def test_what_a_query_sets_is_gone_at_the_next(prober):
    assert ask(prober, "few", "SELECT set_config('search_path', 'elsewhere', false)")["rows"]
    assert ask(prober, "few", "SELECT current_setting('search_path')")["rows"] != [["elsewhere"]]
    assert ask(prober, "few", "SELECT pg_advisory_lock(7)")["rows"] == [[""]]
    assert ask(prober, "few", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")[
        "rows"
    ] == [[0]]


def test_rows_and_bytes_are_capped(prober):
    numbers = ask(prober, "few", "SELECT id FROM items ORDER BY id")
    assert (numbers["rows"], numbers["truncated"]) == ([[1], [2], [3]], True)
    exact = ask(prober, "few", "SELECT id FROM items ORDER BY id LIMIT 3")
    assert (exact["rows"], exact["truncated"]) == ([[1], [2], [3]], False)
    texts = ask(prober, "small", "SELECT repeat('x', 300) FROM items")
    assert (len(texts["rows"]), texts["truncated"]) == (3, True)
    wide = ask(prober, "small", "SELECT repeat('x', 5000000)")
    assert (wide["rows"], wide["truncated"]) == ([], True)
    assert ask(prober, "small", "SELECT 1")["rows"] == [[1]], "the connection is whole"


def test_time_is_capped(world, prober):
    slow = ask(prober, "brief", "SELECT pg_sleep(50)")
    assert slow["error"] == (
        "57014: canceling statement due to statement timeout (connections.brief.time is 500ms)"
    )
    assert world.running("pg_sleep(50)") == 0
    # The statement's own clock is not in its hands.
    longer = "SELECT set_config('statement_timeout', '0', false), pg_sleep(50)"
    assert ask(prober, "brief", longer)["error"] == slow["error"]


def test_cost_is_capped_before_anything_runs(prober):
    refused = ask(prober, "cheap", "SELECT count(*) FROM items a, items b")
    assert "the planner expects the query to cost " in refused["error"]
    assert "above the 1000 that connections.cheap.cost allows" in refused["error"]
    assert ask(prober, "cheap", "SELECT count(*) FROM items")["rows"] == [[4999 + 1]]


def test_a_role_without_bounds_is_refused(prober):
    assert ask(prober, "superuser", "SELECT 1")["error"] == (
        "connection superuser: its role is a superuser, which no tool gets: make one that may only "
        "SELECT"
    )
    assert "may reach the server's files" in ask(prober, "files", "SELECT 1")["error"]


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ("wrong", "connection wrong: the database refuses the role or its password"),
        ("nowhere", "connection nowhere: nothing listens where the database should be"),
        ("readable", "connection readable: its file may be read by others; it wants mode 0600"),
        ("garbled", "connection garbled: its file holds no connection string as libpq wants it"),
        ("missing", "connection missing: its file cannot be read: No such file or directory"),
        ("unset", "toolSets.probe.connections.unset.file in mcpgate.yaml"),
        ("unset", "--connection unset=FILE"),
        ("other", "toolset.yaml has no connection of that name; it has brief, cheap, few"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said_without_its_secret(
    world, prober, connection, words
):
    error = ask(prober, connection, "SELECT 1")["error"]
    assert words in error
    for secret in (world.password, str(world.folder), str(world.postgres.folder), "reader"):
        assert secret not in error


def test_a_database_that_was_away_is_found_again(world, dba):
    assert query(dba, "SELECT 1")["rows"] == [[1]]
    world.postgres.stop()
    try:
        for _ in range(2):
            assert refusal(dba, "SELECT 1") == (
                "connection warehouse: nothing listens where the database should be"
            )
    finally:
        world.postgres.start()
    assert query(dba, "SELECT 1")["rows"] == [[1]]


def test_a_restart_between_two_queries_is_not_seen(world, dba):
    assert query(dba, "SELECT 1")["rows"] == [[1]]
    world.postgres.stop()
    world.postgres.start()
    assert query(dba, "SELECT 2")["rows"] == [[2]]


def test_a_changed_secret_counts_at_the_next_query(world, prober):
    assert ask(prober, "wrong", "SELECT 1")["error"]
    before = (world.folder / "wrong").read_text()
    world.write("wrong", world.postgres.conninfo("reader", world.password))
    assert ask(prober, "wrong", "SELECT current_user")["rows"] == [["reader"]]
    world.write("wrong", before.strip())
    assert "refuses the role" in ask(prober, "wrong", "SELECT 1")["error"]


def test_only_its_role_sees_the_tool(world, dba):
    assert dba.tool_names() == ["postgres_query"]
    for role in ("mcp-viewer", "mcp-log-analyst"):
        other = world.gateway.user(f"{role}@example.com", role)
        assert "postgres_query" not in other.tool_names()
        hidden, unknown = (
            other.request("tools/call", {"name": name, "arguments": {"sql": "SELECT 1"}}).error
            for name in ("postgres_query", "postgres_quest")
        )
        assert hidden["code"] == unknown["code"]
        assert hidden["message"].replace("query", "quest") == unknown["message"]


def test_no_call_can_read_the_secret(world, prober):
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]
    brokers = world.brokers()
    assert brokers
    files = [str(world.folder / "few"), str(world.postgres.folder / "data" / "pg_hba.conf")]
    for broker in brokers:
        files += [f"/proc/{broker.pid}/{name}" for name in ("environ", "cmdline", "mem", "maps")]
    seen = prober.call("look", {"files": files})["structuredContent"]
    assert seen[files[0]] in ("PermissionError", "FileNotFoundError")
    assert world.password not in json.dumps(seen)


def test_the_broker_s_process_tells_nothing(world, prober):
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]
    for broker in world.brokers():
        words = (f"/proc/{broker.pid}/cmdline", f"/proc/{broker.pid}/status")
        command, status = (open(word).read() for word in words)
        assert world.password not in command
        assert "NoNewPrivs:\t1" in status
        if os.geteuid() == 0:
            assert open(f"/proc/{broker.pid}/environ").read() == ""
            limits = open(f"/proc/{broker.pid}/limits").read()
            assert "Max core file size        0                    0" in limits


def test_nobody_of_its_uid_may_look_into_a_broker(world):
    program = world.postgres.folder / "mcpgate-broker"
    shutil.copy(BIN.parent / "libexec" / program.name, program)
    program.chmod(0o755)
    ours, theirs = socket.socketpair()
    broker = subprocess.Popen(
        ["/bin/sh", "-c", f"exec {program} few /dev/null 3<&0"],
        stdin=theirs,
        user="postgres" if os.geteuid() == 0 else None,
    )
    theirs.close()
    # The files in /proc of a process that is not dumpable are root's, whoever runs it.
    wait_until(lambda: os.stat(f"/proc/{broker.pid}/mem").st_uid == 0, "it is not dumpable")
    assert Path(f"/proc/{broker.pid}/comm").read_text() == "mcpgate-broker\n"
    ours.close()
    assert broker.wait(60) == 0, "it ends when it is hung up on"


def test_a_cancelled_call_ends_its_query_in_the_database(world, prober):
    client = world.gateway.client(prober.key, modern=True)
    connection = client.begin_call(
        "ask", {"connection": "few", "sql": "SELECT pg_sleep(500), 'given up'"}
    )
    wait_until(lambda: world.running("given up") == 1, "the query runs")
    connection.close()
    wait_until(lambda: world.running("given up") == 0, "the query has ended")
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]


def test_a_call_out_of_time_ends_its_query_in_the_database(world, prober):
    # `few` allows more time than a call of the set has.
    done = prober.call("ask", {"connection": "few", "sql": "SELECT pg_sleep(500), 'too long'"})
    assert reason_of(done) == "timeout"
    wait_until(lambda: world.running("too long") == 0, "the query has ended")
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]


def test_queries_wait_for_a_free_broker(world, prober):
    """`few` has one."""
    first = world.gateway.client(prober.key).begin_call(
        "ask", {"connection": "few", "sql": "SELECT pg_sleep(2), 'first'"}
    )
    wait_until(lambda: world.running("first") == 1, "the first query runs")
    assert ask(prober, "few", "SELECT 2")["rows"] == [[2]]
    first.getresponse().read()
    first.close()


def test_a_killed_broker_is_replaced(world, prober):
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]
    for broker in world.brokers():
        os.kill(broker.pid, signal.SIGKILL)
    wait_until(lambda: world.brokers() == [], "the brokers are gone")
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]
    during = world.gateway.client(prober.key).begin_call(
        "ask", {"connection": "few", "sql": "SELECT pg_sleep(500), 'during'"}
    )
    wait_until(lambda: world.running("during") == 1, "the query runs")
    for broker in world.brokers():
        os.kill(broker.pid, signal.SIGKILL)
    assert b"connection few: its broker ended during the query" in during.getresponse().read()
    during.close()
    assert ask(prober, "few", "SELECT 1")["rows"] == [[1]]


def test_code_that_a_model_wrote_gets_no_connection(prober):
    code = """
import json, os, struct
ask = json.dumps({"method": "connection/query",
                  "params": {"connection": "few", "sql": "SELECT 1", "params": []}}).encode()
os.write(3, struct.pack("<IB", len(ask), 6) + ask)
header = os.read(3, 5)
print(os.read(3, struct.unpack("<IB", header)[0]).decode())
"""
    result = prober.call("execute_code", {"code": code})
    answer = json.loads(result["structuredContent"]["stdout"])
    assert answer["error"]["message"] == (
        "connections are for the tools of a set, not for code that a model wrote"
    )


def test_a_secret_in_the_set_s_folder_is_no_secret(tmp_path):
    tools = tmp_path / "database"
    shutil.copytree(project_tools() / "database", tools)
    secret = tools / "secret"
    secret.touch(mode=0o600)
    daemon = SandboxDaemon(tools, ("--connection", f"warehouse={secret}"))
    try:
        wait_until(lambda: "would be read by every call" in daemon.log, "the daemon says so")
        assert "the secret of the connection warehouse" in daemon.log
    finally:
        daemon.close()


def test_the_set_serves_without_a_connection(tmp_path):
    tools = tmp_path / "tools"
    shutil.copytree(project_tools() / "database", tools / "database")
    gateway = Gateway(tools).wait_ready()
    try:
        dba = gateway.user("dba@example.com", "mcp-dba")
        assert refusal(dba, "SELECT 1") == (
            "connection warehouse leads nowhere yet: its operator sets "
            "toolSets.database.connections.warehouse.file in mcpgate.yaml, or starts "
            "mcpgate-sandbox with --connection warehouse=FILE"
        )
        assert "error" not in gateway.log and "warn" not in gateway.log
        change_settings(tools / "database", ("rows: 1000", "rows: 0"))
        wait_until(lambda: "connections.warehouse.rows" in gateway.log, "the slip is told")
        assert dba.tool_names() == ["postgres_query"], "the version before stays in force"
    finally:
        gateway.close()
