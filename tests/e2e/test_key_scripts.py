"""The scripts of API keys, on a directory and on the Secrets of a cluster."""

import json
import re
import subprocess

import pytest
from support import BIN, ROOT
from support.gateway import environment
from support.kubernetes_api import KubernetesApi

KEY = re.compile(r"mcpk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}[0-9a-f]{8}\n\Z")
UUID = "6f0d7f39-8b0c-4c5e-9c55-0f7e6a6f3c11"
NAMES = ("create-api-key", "list-api-keys", "revoke-api-key", "rotate-api-key")


@pytest.fixture(params=["directory", "kubernetes"])
def script(request, tmp_path):
    """Runs a script on an empty store of each kind."""
    api = None
    keys = {"directory": "keys"}
    if request.param == "kubernetes":
        api = KubernetesApi()
        keys = {"kubernetes": {"server": api.url}}
    config = tmp_path / "mcpgate.yaml"
    config.write_text(json.dumps({"auth": {"apiKeys": keys | {"maxTtl": "30d"}}}))
    variables = environment(tmp_path) | {"MCPGATE": str(BIN / "mcpgate")}

    def run(name: str, *words: str):
        return subprocess.run(
            [ROOT / "scripts" / f"{name}.sh", *words],
            env=variables | {"MCPGATE_CONFIG": str(config)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=150,
        )

    yield run
    if api:
        api.close()


def rows(script) -> dict[str, dict]:
    done = script("list-api-keys", "--output", "json")
    assert done.returncode == 0, done.stderr
    return {row["id"]: row for row in json.loads(done.stdout)["keys"]}


def made(done) -> str:
    assert done.returncode == 0, done.stderr
    assert KEY.match(done.stdout), "the key alone is on standard output"
    return done.stdout.split("_")[1]


def test_the_life_of_a_key(script):
    old = made(script("create-api-key", "alice@example.com", "mcp-admin,mcp-dba", "3600", UUID))
    row = rows(script)[old]
    assert row["user"] == "alice@example.com" and row["roles"] == ["mcp-admin", "mcp-dba"]
    new = made(script("rotate-api-key", old, "0s"))
    listed = rows(script)
    assert listed[new]["expires"] == row["expires"], "rotating lengthens nothing"
    assert listed[old]["state"] == "expired"
    assert script("rotate-api-key", old).returncode == 1, "an ended key has no successor"
    assert script("revoke-api-key", new).returncode == 0
    assert rows(script)[new]["state"] == "revoked"
    assert script("rotate-api-key", new).returncode == 1
    assert new in script("list-api-keys").stdout


def test_what_is_not_said_is_safe(script):
    for words in (("bob",), ("bob", "mcp-viewer", "never")):
        key = made(script("create-api-key", *words))
        row = rows(script)[key]
        assert row["roles"] == ["mcp-viewer"]
        assert row["expires"] is not None, "cut to maxTtl"


@pytest.mark.parametrize("name", NAMES)
def test_help(script, name):
    done = script(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"scripts/{name}.sh" in done.stdout and "MCPGATE" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("create-api-key",),
        ("create-api-key", "bob", "r", "soon"),
        ("create-api-key", "bob", "r", "-5"),
        ("create-api-key", "bob", "r", "60", "no-uuid"),
        ("create-api-key", "bob", "r", "60", UUID, "more"),
        ("revoke-api-key",),
        ("revoke-api-key", "../../etc/passwd"),
        ("rotate-api-key", "aaaaaaaaaaaa", "never"),
        ("list-api-keys", "a", "b", "c"),
    ],
    ids=" ".join,
)
def test_wrong_usage_makes_nothing(script, words):
    done = script(*words)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr
    assert rows(script) == {}


def test_8_no_script_touches_keycloak(script):
    """There the script that made a key put a whole user into another realm than the chart's, over
    TLS that it did not check (`curl -k`). Here the link is a field of the key, and nothing else."""
    made(script("create-api-key", "linked", "mcp-viewer", "60", UUID))
    for path in (ROOT / "scripts").glob("*.sh"):
        text = path.read_text()
        assert not re.search(r"curl[^\n]*\s(-k|--insecure)\b", text), path
        if path.stem in (*NAMES, "key-common"):
            assert "curl" not in text and "kubectl create" not in text, path
