"""Sessions that end at their issuer: at the replica that is told, at all others, at one that starts
later. What makes a logout token bad is src/auth/logout_token_test.cc's."""

import json
import time
import urllib.parse

import pytest
from support.gateway import fixture_tools
from support.issuer import Issuer, Key
from support.processes import wait_until
from support.replicas import Replicas
from support.rpc import McpClient

PATH = "/oauth/backchannel-logout"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def issuer(certificates):
    issuer = Issuer(certificates)
    yield issuer
    issuer.stop()


def auth_of(issuer, certificates, **oidc) -> dict:
    entry = {"issuer": issuer.url, "audience": "mcp", "ca": str(certificates.ca)}
    return {"oidc": [entry | {"logoutClients": ["cli"]} | oidc]}


@pytest.fixture(scope="module")
def replicas(issuer, certificates):
    """The first knows of nobody, the others of the first alone: all find each other by that."""
    auth = auth_of(issuer, certificates)
    replicas = Replicas(fixture_tools() / "trial", "mcp-tester", seeds=(0,), auth=auth)
    yield replicas
    replicas.close()


def tell(gateway, token: str | None, headers: dict = FORM, **form):
    fields = form | ({"logout_token": token} if token else {})
    return gateway.client(None).send("POST", PATH, headers, urllib.parse.urlencode(fields).encode())


def status(gateway, token: str) -> int:
    gateway.secrets.append(token)
    return McpClient(gateway.url, token).request("ping").status


def wait_for_status(gateways, token: str, wanted: int, what: str):
    for gateway in gateways:
        wait_until(lambda at=gateway: status(at, token) == wanted, what)


def test_a_session_ends_at_all_replicas(replicas, issuer):
    ended = issuer.token("mcp-tester", user="ann", sid="ann-1")
    other = issuer.token("mcp-tester", user="ann", sid="ann-2")
    wait_for_status(replicas.gateways, ended, 200, "the token is good everywhere")
    told = tell(replicas.gateways[1], issuer.logout_token(sub="id-of-ann", sid="ann-1"))
    assert (told.status, told.body) == (200, b"")
    assert told.headers["cache-control"] == "no-store"
    assert status(replicas.gateways[1], ended) == 401
    wait_for_status(replicas.gateways, ended, 401, "all know that the session has ended")
    for gateway in replicas.gateways:
        assert status(gateway, other) == 200, "another session of hers goes on"
    reply = McpClient(replicas.gateways[2].url, ended).request("ping")
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    assert replicas.gateways[2].record_of(reply)["reason"] == "logged_out"


def test_it_is_recorded_who_has_logged_out(replicas, issuer):
    gateway = replicas.gateways[0]
    token = issuer.logout_token(sub="id-of-rec", sid="rec-1")
    assert tell(gateway, token).status == 200
    record = next(r for r in reversed(gateway.records()) if r.get("method") == "logout")
    assert (record["type"], record["status"]) == ("mcp_admin", "success")
    assert (record["iss"], record["sub"]) == (issuer.url, "id-of-rec")
    assert token not in json.dumps(gateway.records())


def test_all_sessions_of_a_subject_end(replicas, issuer):
    before = issuer.token("mcp-tester", user="bob", sid="bob-1", iat=int(time.time()) - 5)
    bare = issuer.token("mcp-tester", user="bob", iat=int(time.time()) - 5)
    logout = issuer.logout_token(sub="id-of-bob", iat=int(time.time()) - 2)
    assert tell(replicas.gateways[0], logout).status == 200
    for token in (before, bare):
        wait_for_status(replicas.gateways, token, 401, "what he had has ended")
    again = issuer.token("mcp-tester", user="bob", sid="bob-2")
    for gateway in replicas.gateways:
        assert status(gateway, again) == 200, "he has logged in again"


def test_a_replica_that_starts_later_knows_it_when_it_is_ready(replicas, issuer):
    ended = issuer.token("mcp-tester", user="eve", sid="eve-1")
    assert tell(replicas.gateways[0], issuer.logout_token(sid="eve-1")).status == 200
    wait_for_status(replicas.gateways, ended, 401, "all know that the session has ended")
    replicas.kill(2)
    replicas.restart(2)  # Ready, and its state is gone.
    assert status(replicas.gateways[2], ended) == 401
    # And it is asked by the others under its new start.
    later = issuer.token("mcp-tester", user="eve", sid="eve-2")
    assert tell(replicas.gateways[2], issuer.logout_token(sid="eve-2")).status == 200
    wait_for_status(replicas.gateways, later, 401, "the others hear it of the new one")


def test_the_first_one_learns_it_of_the_others(replicas, issuer):
    ended = issuer.token("mcp-tester", user="zoe", sid="zoe-1")
    assert tell(replicas.gateways[1], issuer.logout_token(sid="zoe-1")).status == 200
    wait_for_status(replicas.gateways, ended, 401, "all know that the session has ended")
    replicas.kill(0)
    replicas.restart(0)
    # It knows of no other: they ask it, and are asked from then on.
    wait_for_status(replicas.gateways[:1], ended, 401, "the one that all know of is told")


def test_what_is_no_logout_token_is_refused(replicas, issuer):
    gateway = replicas.gateways[0]
    good = issuer.logout_token(sid="mia-1")
    cases = [
        (tell(gateway, None), 400, "One logout_token is needed."),
        (tell(gateway, None, other="x"), 400, "One logout_token is needed."),
        (
            gateway.client(None).send("POST", PATH, FORM, f"logout_token={good}&logout_token={good}".encode()),
            400,
            "One logout_token is needed.",
        ),
        (
            tell(gateway, good, {"Content-Type": "application/json"}),
            415,
            "A logout token is sent as a form: application/x-www-form-urlencoded",
        ),
        (
            tell(gateway, good, {"Content-Type": FORM["Content-Type"] + "X"}),
            415,
            "A logout token is sent as a form: application/x-www-form-urlencoded",
        ),
        (
            tell(gateway, "x" * 70_000),
            413,
            "The body is too long, or does not say how long it is.",
        ),
        (tell(gateway, "a.b.c"), 400, "The logout token is not good: malformed."),
        (
            tell(gateway, issuer.token("mcp-tester", sid="mia-1")),
            400,
            "The logout token is not good: wrong_type.",
        ),
        (
            tell(gateway, issuer.logout_token(sid="mia-1", aud="other")),
            400,
            "The logout token is not good: wrong_audience.",
        ),
        (
            tell(gateway, issuer.logout_token(key=Key("first"), sid="mia-1")),
            400,
            "The logout token is not good: bad_signature.",
        ),
    ]
    for reply, wanted, description in cases:
        assert reply.status == wanted, description
        found = json.loads(reply.body)
        assert found == {"error": "invalid_request", "error_description": description}
    get = gateway.client(None).send("GET", PATH, {})
    assert (get.status, get.headers["allow"]) == (405, "POST")
    assert status(gateway, issuer.token("mcp-tester", user="mia", sid="mia-1")) == 200
    evil = gateway.client(None).send("POST", PATH, FORM | {"Host": "evil.example"}, b"logout_token=" + good.encode())
    assert evil.status == 403
    assert status(gateway, issuer.token("mcp-tester", user="mia", sid="mia-1")) == 200


def test_a_logout_by_a_new_key_is_understood(replicas, issuer):
    token = issuer.token("mcp-tester", user="kim", sid="kim-1")
    assert status(replicas.gateways[0], token) == 200
    issuer.keys.append(Key("second"))

    def told():
        return tell(replicas.gateways[0], issuer.logout_token(sid="kim-1")).status == 200

    wait_until(told, "the new key was read, which is not done at any time")
    assert status(replicas.gateways[0], token) == 401


def test_without_an_issuer_there_is_no_such_page(gateway):
    reply = tell(gateway, "a.b.c")
    assert reply.status == 404
