"""One Keycloak and one gateway for all tests: a JVM takes its time to start."""

import pytest
from keycloak import Keycloak
from support.gateway import Gateway, fixture_config, fixture_tools, tool_set
from support.processes import free_port, wait_until

ROLES = {
    "mcp-admin": {"toolSets": ["*"]},
    "mcp-viewer": {"toolSets": ["trial"], "readOnly": True},
}


@pytest.fixture(scope="session")
def port():
    return free_port()


@pytest.fixture(scope="session")
def keycloak(port):
    keycloak = Keycloak(f"http://127.0.0.1:{port}/")
    yield keycloak
    keycloak.stop()


@pytest.fixture(scope="session")
def gateway(keycloak, port):
    config = fixture_config(
        auth={
            "oidc": [{"issuer": keycloak.issuer(), "scopes": ["mcp:tools"]}],
            "apiKeys": {"directory": "keys"},
        },
        roles=ROLES,
        toolSets={
            "trial": tool_set("trial", "mcp-log-analyst"),
            "dba": tool_set("dba", "mcp-dba"),
        },
        limits={"clockSkew": "0s"},
        publicUrl=f"http://127.0.0.1:{port}/",
    )
    gateway = Gateway(fixture_tools(), config=config, port=port).wait_ready()
    service = keycloak.client_token("mcp-automation", keycloak.automation_secret)
    wait_until(lambda: gateway.client(service).request("ping").status == 200, "keys are read")
    yield gateway
    gateway.close()
