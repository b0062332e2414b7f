"""The configuration: what `check` says of a wrong one, and a running gateway that follows its
file."""

import json
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import BIN, raw
from support.gateway import copied_tools, environment, fixture_config, run, tool_set
from support.processes import Running, free_port, on_all_loops, wait_until

def check(tmp_path, text: str):
    path = tmp_path / "mcpgate.yaml"
    path.write_text(text)
    return run([BIN / "mcpgate", "check", "--config", path], tmp_path)


def test_right_file_is_exit_0(tmp_path):
    done = check(
        tmp_path, json.dumps({"state": "var", "listen": "127.0.0.1:8080"} | fixture_config())
    )
    assert done.returncode == 0, done.stderr


def test_paths_that_are_not_there_are_warnings(tmp_path):
    done = check(
        tmp_path,
        "auth: {apiKeys: {directory: keys}}\ntls: {certificate: a.pem, key: b.pem}\n"
        "toolSets: {s: {requiredRole: r, sandbox: 'unix:s.sock', signingKey: {file: s.key}}}\n",
    )
    assert done.returncode == 0, done.stderr
    for name in ("tls.certificate", "tls.key", "toolSets.s.signingKey"):
        assert f"warning: {name}: {tmp_path}/" in done.stderr, name


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("listn: 127.0.0.1:8080\n", "1:1", "did you mean listen?"),
        ("listen: 127.0.0.1:8080\nlimits:\n  boddy: 4Mi\n", "3:3", "did you mean body?"),
        (
            "toolSets:\n  a:\n    requiredrole: x\n    sandbox: unix:a.sock\n",
            "3:5",
            "did you mean requiredRole?",
        ),
        ("listen: [1, 2]\n", "1:9", "listen"),
        ("listen: example.com\n", "1:9", "listen"),
        ("limits: {body: lots}\n", "1:16", "body"),
        ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", "2:1", "listen"),
        ("audit: {onFailure: ignore}\n", "1:20", "onFailure"),
        ("a: [\n", "", "mcpgate.yaml"),
    ],
)
def test_wrong_file_is_exit_2_and_names_the_place(tmp_path, text, place, says):
    done = check(tmp_path, text)
    assert done.returncode == 2
    assert f"mcpgate.yaml:{place}" in done.stderr
    assert says in done.stderr


def test_all_problems_in_one_look(tmp_path):
    done = check(tmp_path, "listn: x\nlimits: {boddy: 1}\nauth: {apikeys: {}}\n")
    assert done.returncode == 2
    for line in (1, 2, 3):
        assert f"mcpgate.yaml:{line}:" in done.stderr


def test_missing_file_is_exit_2(tmp_path):
    done = run([BIN / "mcpgate", "check", "--config", tmp_path / "none.yaml"], tmp_path)
    assert done.returncode == 2
    assert "none.yaml" in done.stderr


def test_values_of_a_wrong_file_are_not_repeated(tmp_path):
    """A secret in the wrong place must not reach a log."""
    done = check(tmp_path, "limits: {body: s3cr3t-value}\n")
    assert done.returncode == 2
    assert "s3cr3t-value" not in done.stderr + done.stdout


def test_serve_and_up_refuse_a_wrong_file(tmp_path):
    path = tmp_path / "mcpgate.yaml"
    path.write_text("listn: 127.0.0.1:8080\n")
    for verb in (["serve"], ["up", "--tools", tmp_path]):
        done = run([BIN / "mcpgate", *verb, "--config", path], tmp_path)
        assert done.returncode == 2, verb
        assert "did you mean listen?" in done.stderr


def test_changed_file_counts_without_a_restart(start_gateway):
    gateway = start_gateway(config=fixture_config())
    tester = gateway.user("t@example.com", "mcp-tester")
    assert "echo" in tester.tool_names()
    changed = fixture_config()
    changed["toolSets"]["trial"]["requiredRole"] = "mcp-other"
    gateway.write_config(changed)
    wait_until(
        lambda: on_all_loops(lambda: tester.tool_names() == []),
        "the role lost its tool set",
    )
    gateway.write_config(fixture_config())
    wait_until(
        lambda: on_all_loops(lambda: "echo" in tester.tool_names()),
        "and has it back",
    )


def test_what_is_withheld_is_said_once_however_often_the_file_is_read(start_gateway, editable_tools):
    for name in ("trial", "dba"):
        with (editable_tools / name / "toolset.yaml").open("a") as settings:
            settings.write("\ncodeMode: true\n")
    sets = {name: tool_set(name, "mcp-tester", codeMode=True) for name in ("trial", "dba")}
    gateway = start_gateway(editable_tools, config=fixture_config(toolSets=sets))
    withheld = "tool set dba: its execute_code is withheld"
    wait_until(lambda: withheld in gateway.log, "it is said")
    for reads in (1, 2):
        gateway.write_config(fixture_config(toolSets=sets, limits={"body": f"{reads}Mi"}))
        wait_until(lambda: gateway.log.count("was read again") == reads, "it is read again")
    sets["trial"]["prefix"] = "t_"
    gateway.write_config(fixture_config(toolSets=sets))
    tester = gateway.user("t@example.com", "mcp-tester")
    wait_until(lambda: "t_echo" in tester.tool_names(), "the sets are looked at again")
    assert gateway.log.count(withheld) == 1


def test_bad_file_keeps_the_old_one_in_force(start_gateway):
    gateway = start_gateway(config=fixture_config())
    tester = gateway.user("t@example.com", "mcp-tester")
    before = tester.tool_names()
    gateway.write_config(fixture_config(limitz={}))
    wait_until(lambda: "did you mean limits?" in gateway.log, "the log names the mistake")
    assert tester.tool_names() == before
    refused = 'mcpgate_configuration_reloads_total{outcome="refused"} 0'
    assert refused not in gateway.admin("/metrics")[1]

    def recorded():
        return [r for r in gateway.records() if r["type"] == "mcp_admin" and r["status"] == "invalid"]

    reason = wait_until(recorded, "the audit has it")[0]["reason"]
    assert "did you mean limits?" in reason
    gateway.write_config_text("toolSets: [\n")
    wait_until(lambda: gateway.log.count("mcpgate.yaml:") > 1, "and the next one")
    assert tester.tool_names() == before
    assert gateway.admin("/ready")[0] == 200
    changed = fixture_config()
    changed["toolSets"]["trial"]["tools"] = ["echo"]
    gateway.write_config(changed)
    wait_until(
        lambda: on_all_loops(lambda: tester.tool_names() == ["echo"]),
        "a good file counts again",
    )


def test_call_in_flight_survives_a_reload(start_gateway):
    gateway = start_gateway(config=fixture_config())
    tester = gateway.user("t@example.com", "mcp-tester")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(tester.call, "wait", {"seconds": 5})
        changed = fixture_config()
        changed["toolSets"]["trial"]["tools"] = ["wait"]
        gateway.write_config(changed)
        wait_until(
            lambda: on_all_loops(lambda: tester.tool_names() == ["wait"]),
            "the change counts",
        )
        assert not waiting.result().get("isError")


def test_collision_of_names_is_an_error_of_check_and_withholds_the_later_set(
    start_gateway, tmp_path
):
    """Two sets with a tool of one name: nothing is renamed silently."""
    tools = copied_tools(tmp_path / "tools")
    shutil.copytree(tools / "dba", tools / "dba-copy")
    config = fixture_config()
    config["toolSets"]["dba-copy"] = tool_set("dba-copy", "mcp-dba")
    gateway = start_gateway(tools, config=config)
    admin = gateway.user("admin@example.com", "mcp-admin")
    assert admin.tool_names().count("vacuum") == 1
    wait_until(lambda: "vacuum" in gateway.log and "dba-copy" in gateway.log, "the log says so")


@pytest.fixture
def serve(tmp_path):
    """Starts `mcpgate serve` alone, by a command of the shell before it if needed; its port and
    process."""
    started = []

    def start(port: int | None = None, before: str = "true") -> tuple[int, Running]:
        port = port or free_port()
        config = tmp_path / f"{len(started)}.yaml"
        document = {"state": str(tmp_path), "listen": f"127.0.0.1:{port}"}
        config.write_text(json.dumps(document | {"auth": {"apiKeys": {"directory": "keys"}}}))
        argv = ["/bin/bash", "-c", f"{before}; exec {BIN}/mcpgate serve --config {config}"]
        started.append(Running(argv, environment(tmp_path), cwd=tmp_path))
        return port, started[-1]

    yield start
    for process in started:
        process.stop()


def test_a_service_reads_its_configuration_again_on_sighup(serve):
    _, gateway = serve()
    wait_until(lambda: "listening on" in gateway.log, "it listens")
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: "the configuration was read again" in gateway.log, "it is read again")
    assert gateway.stop() == 0


def test_a_port_belongs_to_one_gateway(serve):
    port, first = serve()
    wait_until(lambda: "listening on" in first.log, "it listens")
    _, second = serve(port)
    wait_until(lambda: second.exit_code() is not None, "the second one ends")
    assert second.exit_code() == 2
    said = f"listen on 127.0.0.1:{port}: Address already in use"
    wait_until(lambda: said in second.log, "it says why")


def test_connections_that_do_not_fit_the_descriptors_make_room(serve):
    port, gateway = serve(before="ulimit -n 256")
    wait_until(lambda: "listening on" in gateway.log, "it listens")
    assert "more than the 256 descriptors" in gateway.log
    idle = [raw.open_connection(port) for _ in range(400)]
    with raw.open_connection(port) as late:
        late.sendall(raw.request(port, None, raw.ping()))
        assert raw.read_reply(late).status == 401
    wait_until(lambda: "idle longest are ended" in gateway.log, "its log says so")
    for connection in idle:
        connection.close()
