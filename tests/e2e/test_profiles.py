"""Which layers of isolation hold, said by doctor, daemon and gateway; and what happens where the
kernel lacks one."""

import json
import os
import platform
import sys

import pytest
from support import BIN
from support.gateway import CANARY, Gateway, SandboxDaemon, fixture_tools, run
from support.masked import MASKS
from support.processes import wait_until
from support.rpc import text_of

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the masks know the numbers of x86-64's system calls"
)

STRICT_ONLY = {"userns", "netns", "ipcns", "utsns", "mntns", "pidns"}


def masked(*layers: str) -> list:
    """What comes before a command, so that its kernel seems to lack these layers."""
    script = os.path.join(os.path.dirname(__file__), "support", "masked.py")
    return [sys.executable, script, *layers, "--"] if layers else []


def doctor(tmp_path, profile: str, *layers: str):
    argv = [*masked(*layers), BIN / "mcpgate-sandbox", "doctor", "--profile", profile]
    return run([*argv, "--output", "json"], tmp_path)


def layers_of(done) -> dict:
    return {layer["layer"]: layer for layer in json.loads(done.stdout)["layers"]}


@pytest.fixture(scope="module")
def strict_here(tmp_path_factory):
    if doctor(tmp_path_factory.mktemp("doctor"), "strict").returncode != 0:
        pytest.skip("no namespaces may be made here")


def test_doctor_proves_every_layer_of_pod(tmp_path):
    done = doctor(tmp_path, "pod")
    assert done.returncode == 0, done.stderr
    required = {k: v for k, v in layers_of(done).items() if v["wanted"] == "required"}
    assert {"landlock", "seccomp", "rlimits", "capabilities", "not-dumpable"} <= set(required)
    assert all(layer["inForce"] and layer["proof"] for layer in required.values())
    assert json.loads(done.stdout)["profile"] == "pod"


def test_doctor_proves_every_layer_of_strict(tmp_path, strict_here):
    layers = layers_of(doctor(tmp_path, "strict"))
    assert STRICT_ONLY | {"tmpfs", "landlock", "seccomp"} <= set(layers)
    assert all(layer["inForce"] for layer in layers.values() if layer["wanted"] == "required")


def test_doctor_prints_a_table(tmp_path):
    done = run([BIN / "mcpgate-sandbox", "doctor"], tmp_path)
    assert done.stdout, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["LAYER", "WANTED", "IN", "FORCE", "PROOF"]
    assert any(row.split()[:3] == ["landlock", "required", "yes"] for row in rows)


@pytest.mark.parametrize("layer", MASKS)
def test_a_missing_layer_is_named(tmp_path, layer):
    for profile in ["strict"] if layer in STRICT_ONLY else ["strict", "pod"]:
        done = doctor(tmp_path, profile, layer)
        assert done.returncode == 1, (profile, done.stderr)
        found = layers_of(done)
        assert not found[layer]["inForce"]
        assert f"-{layer}" in json.loads(done.stdout)["profile"]
        if profile == "pod":
            assert f"profile pod: the layer {layer} is missing: " in done.stderr


@pytest.mark.parametrize("layer", sorted(STRICT_ONLY))
def test_pod_needs_no_namespace(tmp_path, layer):
    assert doctor(tmp_path, "pod", layer).returncode == 0


def daemon(*words: str, without: tuple = ()) -> SandboxDaemon:
    return SandboxDaemon(fixture_tools() / "trial", words=words, before=masked(*without))


def refused(*words: str, without: tuple) -> str:
    """The log of a daemon that does not start."""
    server = daemon(*words, without=without)
    try:
        wait_until(lambda: server.process.exit_code() is not None, "the daemon gives up")
        assert server.process.exit_code() == 1
        assert not server.socket_path.exists() or not server.socket().serves()
        return server.log
    finally:
        server.process.kill()


def test_the_daemon_refuses_and_names_the_layer():
    said = "profile pod: the layer landlock is missing: it cannot be had here: "
    assert said + "Function not implemented" in refused(without=("landlock",))
    assert "the layer seccomp is missing" in refused(without=("seccomp",))
    # Leave for one layer is none for another.
    assert "the layer landlock is missing" in refused(
        "--allow-missing", "seccomp", without=("landlock", "seccomp")
    )


def test_strict_is_refused_where_namespaces_are_forbidden():
    said = "profile strict: the layer userns is missing: it cannot be had here: "
    assert said in refused("--profile", "strict", without=("userns",))


def test_a_layer_that_is_not_one_is_wrong_usage(tmp_path):
    done = run(
        [BIN / "mcpgate-sandbox", "describe", "--tools", fixture_tools() / "trial"]
        + ["--allow-missing", "landlok"],
        tmp_path,
    )
    assert done.returncode == 2
    assert "--allow-missing landlok: no such layer" in done.stderr


def test_with_leave_it_serves_and_says_so_everywhere():
    server = daemon("--allow-missing", "landlock", without=("landlock",)).wait_ready()
    try:
        sandbox = server.socket()
        status, body = sandbox.execute("echo", {"text": CANARY})
        answer = json.loads(body)
        assert status == 200 and text_of(answer["result"]) == CANARY
        assert answer["profile"] == "pod-landlock"
        assert json.loads(sandbox.get("/tools")[1])["profile"] == "pod-landlock"
        capabilities = json.loads(sandbox.get("/capabilities")[1])
        assert capabilities["profile"] == "pod-landlock"
        gap = {layer["layer"]: layer for layer in capabilities["layers"]}["landlock"]
        assert gap["wanted"] == "required" and not gap["inForce"]
        assert gap["proof"] == "cannot be had here: Function not implemented"
        assert "calls run WITHOUT the layer landlock" in server.log
    finally:
        server.close()


def test_dev_serves_with_what_there_is():
    server = daemon("--profile", "dev", without=("landlock", "userns")).wait_ready()
    try:
        answer = json.loads(server.socket().execute("echo", {"text": CANARY})[1])
        profile = answer["profile"]
        assert profile.startswith("dev-") and "-landlock" in profile and "-userns" in profile
        assert "calls run WITHOUT the layer landlock" in server.log
    finally:
        server.close()


@pytest.mark.parametrize(("without", "profile"), [((), "strict"), (("userns",), "pod")])
def test_up_takes_the_strictest_profile_that_holds(without, profile, strict_here):
    gateway = Gateway(fixture_tools(), before=masked(*without)).wait_ready()
    try:
        client = gateway.user("ada", "mcp-admin")
        assert text_of(client.call("echo", {"text": CANARY})) == CANARY
        status = json.loads(gateway.admin("/status")[1])
        assert {tool_set["profile"] for tool_set in status["toolSets"]} == {profile}
    finally:
        gateway.close()
