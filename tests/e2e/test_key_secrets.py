"""API keys in Kubernetes Secrets: two gateways follow one cluster, and each change counts in both.

The cluster is support/kubernetes_api.py behind TLS: URL, CA and token file are all that a gateway
is told of it, so that a real API server takes its place.
"""

import base64
import json

import pytest
from support.gateway import fixture_config
from support.kubernetes_api import KubernetesApi
from support.processes import wait_until

NAMESPACE = "mcp-api-keys"


def key_id(key: str) -> str:
    return key.split("_")[1]


@pytest.fixture
def api(certificates):
    served = KubernetesApi((certificates.server, certificates.server_key))
    served.cluster.token = "a-token"
    yield served
    served.close()


@pytest.fixture
def config(api, certificates, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token\n")
    where = {
        "server": api.url.replace("127.0.0.1", "localhost"),
        "ca": str(certificates.ca),
        "tokenFile": str(token),
        "maxStale": "6s",
    }
    return fixture_config(auth={"apiKeys": {"kubernetes": where, "maxTtl": "90d"}})


def becomes(gateway, key: str, status: int):
    wait_until(lambda: gateway.answers(key, status), f"the key answers {status}")


def secret_of(api, key: str) -> dict:
    return next(
        secret
        for secret in api.cluster.secrets.values()
        if secret["metadata"]["labels"].get("mcpgate.io/key-id") == key_id(key)
    )


def test_every_replica_follows_create_rotate_and_revoke(api, config, start_gateway):
    one, two = start_gateway(config=config), start_gateway(config=config)
    key = one.create_key("alice@example.com", "mcp-tester,mcp-dba", "--expires", "30d")
    two.secrets.append(key)
    becomes(one, key, 200)
    becomes(two, key, 200)

    secret = secret_of(api, key)
    assert secret["metadata"]["name"].startswith("mcp-api-key-alice-example-com-")
    stored = base64.b64decode(secret["data"]["key.json"]).decode()
    assert key not in stored and key.split("_", 2)[2] not in stored
    assert json.loads(stored)["user"] == "alice@example.com"
    assert json.loads(stored)["roles"] == ["mcp-tester", "mcp-dba"]

    done = two.mcpgate("keys", "rotate", key_id(key), "--overlap", "0s")
    assert done.returncode == 0, done.stderr
    new = done.stdout.strip()
    one.secrets.append(new)
    for gateway in (one, two):
        becomes(gateway, new, 200)
        becomes(gateway, key, 401)
    rows = json.loads(one.mcpgate("keys", "list", "--output", "json").stdout)["keys"]
    listed = {row["id"]: row for row in rows}
    assert listed[key_id(new)]["user"] == "alice@example.com"
    assert listed[key_id(key)]["state"] == "expired"

    done = one.mcpgate("keys", "revoke", key_id(new))
    assert done.returncode == 0, done.stderr
    for gateway in (one, two):
        becomes(gateway, new, 401)


def test_a_bad_secret_hides_no_key_and_a_deleted_one_ends(api, config, start_gateway):
    """Weaknesses 5 and 6 of the earlier implementation."""
    gateway = start_gateway(config=config)
    for name, data in (("broken", {"key.json": "e30="}), ("without", {})):
        labels = {"app": "mcp-api-key"}
        api.cluster.create(NAMESPACE, {"metadata": {"name": name, "labels": labels}, "data": data})
    key = gateway.known_key("bob@example.com", "mcp-tester")
    wait_until(lambda: "Secret broken is skipped" in gateway.log, "the bad Secret is named")
    api.cluster.delete(NAMESPACE, secret_of(api, key)["metadata"]["name"])
    becomes(gateway, key, 401)


def test_a_cluster_that_is_silent_for_too_long(api, config, start_gateway):
    """503 and not 401: the key may be good, and who asks again is let in when the cluster is back.
    What was revoked in between stays out."""
    gateway = start_gateway(config=config)
    good = gateway.known_key("good@example.com", "mcp-tester")
    gone = gateway.known_key("gone@example.com", "mcp-tester")
    api.cluster.failing = 500
    api.cluster.trouble(["disconnect"])
    becomes(gateway, good, 503)
    reply = gateway.client(good).request("ping")
    assert "www-authenticate" not in reply.headers
    assert gateway.record_of(reply)["reason"] == "store_unavailable"
    assert gateway.admin("/ready")[0] == 503
    api.cluster.delete(NAMESPACE, secret_of(api, gone)["metadata"]["name"])
    api.cluster.failing = 0
    becomes(gateway, good, 200)
    assert gateway.client(gone).request("ping").status == 401


def test_commands_say_what_the_cluster_refuses(api, config, start_gateway):
    gateway = start_gateway(config=config)
    api.cluster.token = "another"
    done = gateway.mcpgate("keys", "create", "--user", "a", "--roles", "mcp-tester")
    assert done.returncode == 1 and done.stdout == ""
    assert "status 401" in done.stderr and "a-token" not in done.stderr


def test_without_a_configuration_a_flag_names_the_cluster(start_gateway):
    gateway = start_gateway()
    done = gateway.mcpgate("keys", "list", "--kubernetes")
    assert done.returncode == 1
    assert "http://127.0.0.1:8001" in done.stderr, "where kubectl proxy listens"
