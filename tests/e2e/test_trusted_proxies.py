"""Whose forwarding headers are believed, in the audit and in conditions."""

import json

import pytest
from support.gateway import Gateway, fixture_config, fixture_tools
from support.processes import wait_until

ROLES = {"elsewhere": {"toolSets": ["trial"], "when": {"address": ["192.0.2.0/24"]}}}
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
VIA_PROXIES = {"X-Forwarded-For": "127.0.0.1, 192.0.2.7, 10.2.3.4"}


def open_gateway(**config):
    return Gateway(fixture_tools(), config=fixture_config(roles=ROLES, **config)).wait_ready()


@pytest.fixture(scope="module")
def gateway():
    gateway = open_gateway(trustedProxies=["127.0.0.0/8", "10.0.0.0/8"])
    yield gateway
    gateway.close()


def tools_of(reply) -> list:
    assert reply.status == 200, reply.body
    return json.loads(reply.body)["result"]["tools"]


def recorded_address(gateway, reply) -> str:
    def found():
        asked = reply.headers["x-request-id"]
        return [r for r in gateway.records() if r.get("request_id") == asked]

    return wait_until(found, "the request is recorded")[0]["client_ip"]


def test_a_condition_and_the_record_see_the_client_behind_the_proxies(gateway):
    user = gateway.user("far", "elsewhere")
    assert tools_of(user.post(LIST)) == []
    reply = user.post(LIST, VIA_PROXIES)
    assert tools_of(reply) != []
    assert recorded_address(gateway, reply) == "192.0.2.7"
    reply = user.post(LIST, {"Forwarded": "for=192.0.2.8, for=198.51.100.1"})
    assert tools_of(reply) == []
    assert recorded_address(gateway, reply) == "198.51.100.1"


def test_headers_that_contradict_each_other_are_refused(gateway):
    user = gateway.user("forger", "elsewhere")
    reply = user.post(LIST, VIA_PROXIES | {"Forwarded": "for=198.51.100.1"})
    assert reply.status == 400, reply.body
    assert recorded_address(gateway, reply) == "127.0.0.1"


def test_nobody_else_is_believed():
    gateway = open_gateway(trustedProxies=["10.0.0.0/8"])
    try:
        user = gateway.user("near", "elsewhere")
        reply = user.post(LIST, VIA_PROXIES | {"Forwarded": "for=192.0.2.7"})
        assert tools_of(reply) == []
        assert recorded_address(gateway, reply) == "127.0.0.1"
    finally:
        gateway.close()
