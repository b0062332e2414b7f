"""One Keycloak and one gateway for all tests: a JVM takes its time to start."""

import pytest
from keycloak import Keycloak
from support.gateway import Gateway, fixture_config, fixture_tools, tool_set
from support.processes import free_port, wait_until

ROLES = {
    "mcp-admin": {"toolSets": ["*"]},
    "mcp-viewer": {"toolSets": ["trial"], "readOnly": True},
}

APPLIED = "the configuration was read again"


@pytest.fixture(scope="session")
def port():
    return free_port()


@pytest.fixture(scope="session")
def keycloak(port):
    keycloak = Keycloak(f"http://127.0.0.1:{port}/")
    yield keycloak
    keycloak.stop()


def asker(keycloak) -> dict:
    """As whom the gateway asks Keycloak."""
    secret = keycloak.folder / "client.secret"
    secret.write_text(keycloak.gateway_secret + "\n")
    return {"clientId": "mcp-gateway-client", "clientSecretFile": str(secret)}


def config_of(keycloak, port, **issuer) -> dict:
    owners = asker(keycloak) | {"refresh": "1s"}
    oidc = {"issuer": keycloak.issuer(), "scopes": ["mcp:tools"], "keyOwners": owners}
    return fixture_config(
        auth={
            "oidc": [oidc | issuer],
            "apiKeys": {"directory": "keys"},
        },
        roles=ROLES,
        toolSets={
            "trial": tool_set("trial", "mcp-log-analyst"),
            "dba": tool_set("dba", "mcp-dba"),
        },
        limits={"clockSkew": "0s", "introspectionCache": "1s"},
        publicUrl=f"http://127.0.0.1:{port}/",
    )


@pytest.fixture(scope="session")
def gateway(keycloak, port):
    gateway = Gateway(fixture_tools(), config=config_of(keycloak, port), port=port).wait_ready()
    service = keycloak.client_token("mcp-automation", keycloak.automation_secret)
    wait_until(lambda: gateway.client(service).request("ping").status == 200, "keys are read")
    yield gateway
    gateway.close()


@pytest.fixture
def asking_gateway(gateway, keycloak, port):
    """The gateway while it asks Keycloak about each token."""

    def use(**issuer):
        applied = gateway.log.count(APPLIED)
        gateway.write_config(config_of(keycloak, port, **issuer))
        wait_until(lambda: gateway.log.count(APPLIED) > applied, "the configuration is read again")

    use(introspection=asker(keycloak))
    yield gateway
    use()
