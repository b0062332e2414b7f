"""Access tokens that are bound to a client's key (RFC 9449), through the real executables. What makes a
proof bad is src/auth/dpop_proof_test.cc's."""

import json
import time

import pytest
from support.dpop import BoundClient, ClientKey
from support.gateway import fixture_config, fixture_tools
from support.issuer import Issuer
from support.processes import wait_until
from support.replicas import Replicas
from support.rpc import text_of

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


@pytest.fixture
def issuer(certificates):
    issuer = Issuer(certificates)
    yield issuer
    issuer.stop()


@pytest.fixture
def key():
    return ClientKey()


def config_of(issuer, certificates, **oidc) -> dict:
    entry = {"issuer": issuer.url, "audience": "mcp", "ca": str(certificates.ca)} | oidc
    return fixture_config(auth={"apiKeys": {"directory": "keys"}, "oidc": [entry]})


@pytest.fixture
def gateway(start_gateway, issuer, certificates):
    gateway = start_gateway(config=config_of(issuer, certificates))
    admin = issuer.token("mcp-admin")
    wait_until(lambda: gateway.client(admin).request("ping").status == 200, "the keys are read")
    return gateway


def bound_client(gateway, token: str, key: ClientKey, **options) -> BoundClient:
    gateway.secrets.append(token)
    return BoundClient(gateway.url, token, key, **options)


def challenge(gateway, error: str, why: str) -> str:
    metadata = f"http://127.0.0.1:{gateway.port}/.well-known/oauth-protected-resource/mcp"
    return (
        f'DPoP error="{error}", error_description="{why}", algs="{" ".join(ALGORITHMS)}", '
        f'resource_metadata="{metadata}"'
    )


def test_a_bound_token_works_with_proofs_of_its_key(gateway, issuer, key):
    token = issuer.token("mcp-tester", user="terry", cnf=key.confirmation)
    client = bound_client(gateway, token, key)
    reply = client.request("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    assert text_of(reply.result) == "hello"
    gateway.secrets.append(client.proof)
    record = next(r for r in gateway.records() if r.get("tool") == "echo")
    assert (record["user"], record["sub"], record["auth_type"]) == (
        "terry",
        "id-of-terry",
        "access_token",
    )
    # The other endpoint has a URL of its own, and a body may be part of the proof.
    at_root = bound_client(gateway, token, key, digests=True)
    at_root.parts = at_root.parts._replace(path="/")
    assert "echo" in at_root.tool_names()


def test_a_proof_works_once_whichever_loop_it_meets(gateway, issuer, key):
    token = issuer.token("mcp-admin", cnf=key.confirmation)
    gateway.secrets.append(token)
    proof = key.proof("POST", gateway.url, token)
    fields = {"Authorization": f"DPoP {token}", "DPoP": proof}
    client = gateway.client(None)
    replies = [client.request("ping", headers=fields) for _ in range(20)]
    assert [reply.status for reply in replies] == [200] + [401] * 19
    for reply in replies[1:]:
        assert reply.headers["www-authenticate"] == challenge(
            gateway, "invalid_dpop_proof", "it was used before"
        )
        assert gateway.record_of(reply)["reason"] == "replayed_proof"


def test_a_bound_token_alone_is_worth_nothing(gateway, issuer, key):
    token = issuer.token("mcp-admin", cnf=key.confirmation)
    gateway.secrets.append(token)
    bearer = gateway.client(token).request("ping")
    assert bearer.status == 401
    assert bearer.headers["www-authenticate"].startswith("Bearer resource_metadata=")
    assert bearer.headers["www-authenticate"].endswith(
        f'error="invalid_token", error_description="the credential is not valid", '
        f'DPoP algs="{" ".join(ALGORITHMS)}"'
    )
    assert gateway.record_of(bearer)["reason"] == "bound_to_a_key"
    fields = {"Authorization": f"DPoP {token}"}
    without = gateway.client(None).request("ping", headers=fields)
    assert without.headers["www-authenticate"] == challenge(
        gateway, "invalid_dpop_proof", "there is no DPoP header"
    )
    thief = bound_client(gateway, token, ClientKey()).request("ping")
    assert thief.headers["www-authenticate"] == challenge(
        gateway, "invalid_token", "jwk is not the key that the token is bound to"
    )
    assert gateway.record_of(thief)["reason"] == "other_key"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"htu": "https://elsewhere.example/mcp"}, "htu is not the URL of this endpoint"),
        ({"htm": "GET"}, "htm is not the method of the request"),
        ({"ath": "x"}, "ath is not the hash of the access token"),
        ({"iat": int(time.time()) - 400}, "iat is too long ago"),
        ({"iat": int(time.time()) + 4000}, "iat is still to come"),
        ({"jti": ""}, "jti is missing"),
        ({"content_digest": "sha-256=:AAAA:"}, "content_digest is not that of the body"),
    ],
)
def test_a_proof_of_something_else_says_what_is_wrong(gateway, issuer, key, claims, why):
    token = issuer.token("mcp-admin", cnf=key.confirmation)
    reply = bound_client(gateway, token, key, **claims).request("ping")
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == challenge(gateway, "invalid_dpop_proof", why)
    record = gateway.record_of(reply)
    assert (record["status"], record["reason"]) == ("unauthenticated", f"bad_proof: {why}")


def test_what_is_not_bound_is_not_sent_with_a_proof(gateway, issuer, key):
    for credential in (issuer.token("mcp-admin"), gateway.known_key("kay", "mcp-admin")):
        assert gateway.client(credential).request("ping").status == 200
        reply = bound_client(gateway, credential, key).request("ping")
        assert reply.headers["www-authenticate"] == challenge(
            gateway, "invalid_token", "the credential is not valid"
        )
        assert gateway.record_of(reply)["reason"] == "not_bound"


def metadata_of(gateway) -> dict:
    path = "/.well-known/oauth-protected-resource/mcp"
    return json.loads(gateway.client(None).send("GET", path, {}).body)


def test_an_issuers_tokens_must_be_bound_where_that_is_configured(
    gateway, issuer, key, certificates
):
    assert metadata_of(gateway)["dpop_signing_alg_values_supported"] == ALGORITHMS
    assert "dpop_bound_access_tokens_required" not in metadata_of(gateway)
    gateway.write_config(config_of(issuer, certificates, dpopRequired=True))
    wait_until(
        lambda: metadata_of(gateway).get("dpop_bound_access_tokens_required") is True,
        "the configuration is read",
    )
    unbound = issuer.token("mcp-admin")
    gateway.secrets.append(unbound)
    reply = gateway.client(unbound).request("ping")
    assert reply.status == 401
    assert gateway.record_of(reply)["reason"] == "not_bound"
    bound = issuer.token("mcp-admin", cnf=key.confirmation)
    assert bound_client(gateway, bound, key).request("ping").status == 200
    assert gateway.client(gateway.known_key("kay", "mcp-admin")).request("ping").status == 200
    # `check` knows the key, and `explain` what the token would be allowed.
    assert gateway.mcpgate("check").returncode == 0
    for token, code in ((bound, 0), (unbound, 1)):
        file = gateway.key_file(token)
        asked = gateway.mcpgate("explain", "--tool", "echo", "--token-file", file)
        assert asked.returncode == code, asked.stderr


def test_an_opaque_token_is_bound_as_its_issuer_says(
    start_gateway, issuer, certificates, key, tmp_path
):
    secret = tmp_path / "client.secret"
    secret.write_text("secret\n")
    asking = {"clientId": "gateway", "clientSecretFile": str(secret)}
    gateway = start_gateway(config=config_of(issuer, certificates, introspection=asking))
    issuer.answers["opaque-bound"] = {
        "active": True,
        "sub": "7",
        "aud": "mcp",
        "exp": int(time.time()) + 300,
        "preferred_username": "olga",
        "realm_access": {"roles": ["mcp-tester"]},
        "cnf": key.confirmation,
    }
    client = bound_client(gateway, "opaque-bound", key)
    wait_until(lambda: client.request("ping").status == 200, "the issuer is known")
    assert "echo" in client.tool_names()
    bearer = gateway.client("opaque-bound").request("ping")
    assert bearer.status == 401
    assert gateway.record_of(bearer)["reason"] == "bound_to_a_key"


# Replicas do not tell each other which proofs were used; the one in which a session lives meets all of
# its requests, whichever way they take.
def test_a_proof_works_once_in_a_session_whichever_replica_it_meets(issuer, key, certificates):
    url = "https://mcp.example/mcp"
    oidc = {"issuer": issuer.url, "audience": "mcp", "ca": str(certificates.ca)}
    replicas = Replicas(
        fixture_tools() / "trial",
        "mcp-tester",
        count=2,
        publicUrl=url.removesuffix("mcp"),
        auth={"oidc": [oidc]},
    )
    try:
        token = issuer.token("mcp-tester", cnf=key.confirmation)
        home, other = (
            BoundClient(gateway.url, token, key, htu=url) for gateway in replicas.gateways
        )
        for client in (home, other):
            wait_until(lambda at=client: at.request("ping").status == 200, "the keys are read")
        begun = home.request(
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "mcpgate-e2e", "version": "1"},
            },
        )
        session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        used = []
        for client in (home, other, home, other):
            arguments = {"name": "echo", "arguments": {"text": "hello"}}
            reply = client.request("tools/call", arguments, headers=session)
            assert text_of(reply.result) == "hello"
            used.append(client.proof)
        for proof in used:
            fields = session | {"Authorization": f"DPoP {token}", "DPoP": proof}
            for gateway in replicas.gateways:
                assert gateway.client(None).request("ping", headers=fields).status == 401
    finally:
        replicas.close()
