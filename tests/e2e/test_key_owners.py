"""API keys that are linked to users of Keycloak stop with them. The real one is in tests/keycloak."""

import json
import uuid

import pytest
from support.gateway import BIN, fixture_config, run
from support.issuer import Issuer
from support.processes import wait_until

ROLE = "mcp-tester"


@pytest.fixture
def issuer(certificates):
    issuer = Issuer(certificates)
    yield issuer
    issuer.stop()


def config_of(issuer, certificates, tmp_path, **owners) -> dict:
    secret = tmp_path / "client.secret"
    secret.write_text("secret\n")
    asking = {"clientId": "gateway", "clientSecretFile": str(secret), "refresh": "1s"} | owners
    oidc = {"issuer": issuer.url, "audience": "mcp", "ca": str(certificates.ca), "keyOwners": asking}
    return fixture_config(auth={"oidc": [oidc], "apiKeys": {"directory": "keys"}})


@pytest.fixture
def gateway(start_gateway, issuer, certificates, tmp_path):
    return start_gateway(config=config_of(issuer, certificates, tmp_path))


def linked_key(gateway, user: str) -> str:
    return gateway.create_key("kim", ROLE, "--keycloak-user", user)


def becomes(gateway, key: str, status: int):
    wait_until(lambda: gateway.answers(key, status), f"the key gets {status}")


def reason(gateway, key: str) -> str:
    return gateway.record_of(gateway.client(key).request("ping"))["reason"]


def test_a_disabled_users_keys_stop_and_go_on_when_the_user_does(gateway, issuer):
    user = str(uuid.uuid4())
    issuer.users[user] = True
    first, second = linked_key(gateway, user), linked_key(gateway, user)
    other = gateway.known_key("olga", ROLE)
    becomes(gateway, first, 200)
    becomes(gateway, second, 200)
    issuer.users[user] = False
    becomes(gateway, first, 401)
    becomes(gateway, second, 401)
    assert reason(gateway, first) == "owner_disabled"
    assert gateway.client(other).request("ping").status == 200
    issuer.users[user] = True
    becomes(gateway, first, 200)
    del issuer.users[user]
    becomes(gateway, first, 401)
    assert gateway.log.count(f"Keycloak user {user} stop") == 2


def test_a_key_of_a_user_who_was_never_there_is_refused(gateway):
    key = linked_key(gateway, str(uuid.uuid4()))
    becomes(gateway, key, 401)
    assert reason(gateway, key) == "owner_disabled"


def test_while_keycloak_does_not_answer_keys_work_for_a_while(
    start_gateway, issuer, certificates, tmp_path
):
    gateway = start_gateway(config=config_of(issuer, certificates, tmp_path, maxStale="3s"))
    user = str(uuid.uuid4())
    issuer.users[user] = True
    key = linked_key(gateway, user)
    becomes(gateway, key, 200)
    issuer.own_token += "x"  # What the gateway holds is refused from now on.
    issuer.asker = "nobody"
    wait_until(lambda: "cannot be asked about the users" in gateway.log, "it says so")
    becomes(gateway, key, 503)
    reply = gateway.client(key).request("ping")
    assert (reply.status, reply.headers["retry-after"]) == (503, "10")
    assert reason(gateway, key) == "owner_unknown"
    issuer.asker = "gateway:secret"
    becomes(gateway, key, 200)
    assert "secret" not in gateway.log.replace("client.secret", "")


def test_where_nobody_is_asked_a_link_means_nothing_and_the_log_says_so(start_gateway):
    gateway = start_gateway()
    key = linked_key(gateway, str(uuid.uuid4()))
    becomes(gateway, key, 200)
    assert gateway.log.count("set auth.oidc.keyOwners") == 1


@pytest.mark.parametrize(
    "owners, problem",
    [
        ({"clientId": ""}, "expected clientId and clientSecretFile"),
        ({"refresh": "1ms"}, "refresh"),
        ({"maxStale": "500ms"}, "maxStale"),
        ({"clientID": "x"}, "did you mean clientId?"),
    ],
)
def test_a_wrong_configuration_is_named(issuer, certificates, tmp_path, owners, problem):
    draft = tmp_path / "mcpgate.yaml"
    draft.write_text(json.dumps(config_of(issuer, certificates, tmp_path, **owners)))
    refused = run([BIN / "mcpgate", "check", "--config", draft], tmp_path)
    assert refused.returncode == 2
    assert problem in refused.stderr
