"""Access tokens of an issuer, through the real executables: who it is, and keys that change, come
late, or cannot be had. What makes a token bad is src/auth/access_token_test.cc's."""

import json
import re
import secrets
import time

import pytest
from support.gateway import BIN, Gateway, copied_tools, fixture_config, run
from support.issuer import Issuer, Key
from support.processes import on_all_loops, wait_until
from support.rpc import text_of

PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


@pytest.fixture
def issuer(certificates):
    issuer = Issuer(certificates)
    yield issuer
    issuer.stop()


def config_of(issuer, certificates, **auth) -> dict:
    oidc = {"issuer": issuer.url, "audience": "mcp", "ca": str(certificates.ca)}
    return fixture_config(auth={"oidc": [oidc]} | auth)


@pytest.fixture
def gateway(start_gateway, issuer, certificates):
    config = config_of(issuer, certificates, apiKeys={"directory": "keys"})
    gateway = start_gateway(config=config)
    admin = issuer.token("mcp-admin")
    wait_until(lambda: gateway.client(admin).request("ping").status == 200, "the keys are read")
    return gateway


def client(gateway, token: str):
    gateway.secrets.append(token)
    return gateway.client(token)


def test_roles_of_the_token_open_tools_and_the_record_says_who(gateway, issuer):
    tester = client(gateway, issuer.token("mcp-tester", user="terry"))
    assert "echo" in tester.tool_names()
    assert "vacuum" not in tester.tool_names()
    reply = tester.request("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    assert text_of(reply.result) == "hello"
    record = next(r for r in gateway.records() if r.get("tool") == "echo")
    assert (record["user"], record["iss"], record["sub"], record["auth_type"]) == (
        "terry",
        issuer.url,
        "id-of-terry",
        "access_token",
    )
    assert client(gateway, issuer.token()).tool_names() == []


def test_refused_tokens_get_the_challenge_and_their_reason_is_recorded(gateway, issuer):
    cases = {
        "expired": issuer.token("mcp-admin", exp=int(time.time()) - 31),
        "wrong_audience": issuer.token("mcp-admin", aud="account"),
        "unknown_issuer": issuer.token("mcp-admin", iss="https://localhost/realms/other"),
        "bad_signature": issuer.token("mcp-admin", key=Key("first")),
        "malformed": "opaque",
    }
    for reason, token in cases.items():
        reply = client(gateway, token).request("ping")
        assert reply.status == 401, reason
        assert 'error="invalid_token"' in reply.headers["www-authenticate"], reason
        assert gateway.record_of(reply)["reason"] == reason


def post(gateway, credential: str, address: str):
    user = client(gateway, credential) if not credential.startswith("mcpk_") else gateway.client(credential)
    return user.post(PING, {"X-Forwarded-For": address})


def test_made_up_tokens_keep_out_new_ones_of_their_address_alone(start_gateway, issuer, certificates):
    config = config_of(issuer, certificates, apiKeys={"directory": "keys"})
    config |= {"trustedProxies": ["127.0.0.0/8"], "limits": {"badTokensPerPeer": 1}}
    gateway = start_gateway(config=config)
    known, key = issuer.token("mcp-tester", user="known"), gateway.known_key("kay", "mcp-admin")
    flooder, other = "192.0.2.1", "192.0.2.2"
    wait_until(lambda: post(gateway, known, other).status == 200, "the keys are read")
    assert on_all_loops(lambda: post(gateway, known, flooder).status == 200)
    forger = Key("first")

    def flood():
        # Each is a connection of its own, and so meets any of the loops.
        replies = [post(gateway, issuer.token(key=forger, jti=str(n)), flooder) for n in range(8)]
        return [reply for reply in replies if reply.status == 429]

    for number in range(3):
        refused = wait_until(flood, "the flood is more than is looked at")[0]
        assert refused.headers["retry-after"] == "1"
        assert "www-authenticate" not in refused.headers
        record = gateway.record_of(refused)
        assert (record["reason"], record["client_ip"]) == ("too_many_bad_tokens", flooder)
        fresh = issuer.token("mcp-tester", user=f"fresh-{number}")
        assert post(gateway, fresh, other).status == 200
        assert post(gateway, known, flooder).status == 200
        assert post(gateway, key, flooder).status == 200
    late = issuer.token("mcp-tester", user="late")

    def is_kept_out():
        flood()
        return post(gateway, issuer.token("mcp-tester", jti=secrets.token_hex(8)), flooder).status == 429

    wait_until(is_kept_out, "a new token of that address is not looked at")
    wait_until(lambda: post(gateway, late, flooder).status == 200, "a second without the flood")
    metrics = gateway.admin("/metrics")[1]
    assert int(re.search(r"^mcpgate_bad_token_refusals_total (\d+)", metrics, re.M)[1]) >= 4
    assert int(re.search(r"^mcpgate_bad_tokens_total (\d+)", metrics, re.M)[1]) >= 1


def test_a_tool_that_needs_more_scopes_is_listed_and_asks_for_them(start_gateway, issuer, certificates):
    config = config_of(issuer, certificates, apiKeys={"directory": "keys"})
    needs = {"scopes": "trial:use", "toolScopes": {"echo": ["trial:echo"]}}
    config["toolSets"]["trial"] |= needs
    gateway = start_gateway(config=config)
    low = client(gateway, issuer.token("mcp-tester", scope="openid trial:use"))
    wait_until(lambda: low.request("ping").status == 200, "the keys are read")
    assert "echo" in low.tool_names()
    call = ("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    refused = low.request(*call)
    assert refused.status == 403
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge and 'scope="trial:use trial:echo"' in challenge
    record = gateway.record_of(refused)
    assert (record["status"], record["reason"], record["user"]) == ("denied", "missing_scope", "dora")
    whole = client(gateway, issuer.token("mcp-tester", scope="trial:use trial:echo"))
    assert text_of(whole.request(*call).result) == "hello"
    assert text_of(gateway.user("kay", "mcp-tester").request(*call).result) == "hello", "a key has none"
    # Whose roles do not open it hears nothing of scopes.
    other = client(gateway, issuer.token("mcp-dba", scope="openid")).request(*call)
    assert (other.status, other.error["message"]) == (200, "Unknown tool: echo")
    for credential, code in ((low, 1), (whole, 0)):
        done = gateway.mcpgate("explain", "--tool", "echo", "--token-file", gateway.key_file(credential.key))
        assert done.returncode == code, done.stderr
        assert "scopes    an access token needs trial:use, trial:echo" in done.stdout
    bad = config | {"toolSets": {"trial": config["toolSets"]["trial"] | {"toolScopes": {"echo": ["a b"]}}}}
    draft = gateway.state / "draft.yaml"
    draft.write_text(json.dumps(bad, indent=1))
    done = run([BIN / "mcpgate", "check", "--config", draft], gateway.state)
    assert done.returncode == 2
    assert "toolScopes.echo[0]: expected a word without spaces and quotes" in done.stderr


def test_the_metadata_names_the_issuer(gateway, issuer):
    for suffix in ("", "/mcp"):
        path = "/.well-known/oauth-protected-resource" + suffix
        document = json.loads(gateway.client(None).send("GET", path, {}).body)
        assert document["authorization_servers"] == [issuer.url]
        assert document["resource"].endswith(suffix or "/")


def test_a_new_key_works_with_its_first_token_and_reads_are_rare(gateway, issuer):
    # Garbage keys cause one read at most; then the interval has to pass before another one.
    time_of_read = time.monotonic()
    issuer.keys.append(Key("second"))
    wait_until(
        lambda: client(gateway, issuer.token("mcp-admin")).request("ping").status == 200,
        "the new key is known",
    )
    reads = issuer.key_reads
    for number in range(50):
        token = issuer.token("mcp-admin", key=Key(f"garbage-{number}"))
        assert client(gateway, token).request("ping").status == 401
    elapsed = time.monotonic() - time_of_read
    assert issuer.key_reads - reads <= 1 + elapsed / 10
    issuer.keys.pop(0)
    assert client(gateway, issuer.token("mcp-admin")).request("ping").status == 200


def test_without_its_issuer_known_tokens_and_api_keys_work_on(gateway, issuer):
    before = issuer.token("mcp-admin")
    key = gateway.known_key("kay", "mcp-admin")
    issuer.stop()
    assert client(gateway, before).request("ping").status == 200
    assert client(gateway, issuer.token("mcp-tester")).request("ping").status == 200
    unknown = issuer.token("mcp-admin", key=Key("after"))
    assert client(gateway, unknown).request("ping").status == 401
    assert gateway.client(key).request("ping").status == 200


def test_an_issuer_that_was_never_reached_is_no_way_in(start_gateway, issuer, certificates):
    issuer.stop()
    config = config_of(issuer, certificates, apiKeys={"directory": "keys"})
    gateway = start_gateway(config=config)
    reply = client(gateway, issuer.token("mcp-admin")).request("ping")
    assert reply.status == 503
    assert "retry-after" in reply.headers
    status = json.loads(gateway.admin("/status")[1])
    assert status["issuers"] == [{"issuer": issuer.url, "signingKeys": 0}]


def asking_config(issuer, certificates, secret, cache: str) -> dict:
    config = config_of(issuer, certificates, apiKeys={"directory": "keys"})
    config["auth"]["oidc"][0]["introspection"] = {
        "clientId": "gateway",
        "clientSecretFile": str(secret),
    }
    return config | {"limits": {"introspectionCache": cache}}


@pytest.fixture
def client_secret(tmp_path):
    file = tmp_path / "client.secret"
    file.write_text("secret\n")
    return file


@pytest.fixture
def start_asking(start_gateway, issuer, certificates, client_secret):
    def start(cache: str):
        gateway = start_gateway(config=asking_config(issuer, certificates, client_secret, cache))
        token = issuer.token("mcp-admin", user="warm")
        issuer.answers[token] = {"active": True}
        wait_until(lambda: client(gateway, token).request("ping").status == 200, "the keys are read")
        return gateway

    return start


def test_an_issuer_that_is_asked_decides_and_its_answer_is_kept_for_a_while(start_asking, issuer):
    gateway = start_asking("300s")
    token = issuer.token("mcp-tester")
    issuer.answers[token] = {"active": True}
    for _ in range(3):
        assert "echo" in client(gateway, token).tool_names()
    # A loop asks for itself.
    assert 1 <= issuer.asked.count(token) <= 3
    revoked = issuer.token("mcp-admin", user="gone")
    reply = client(gateway, revoked).request("ping")
    assert reply.status == 401
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    assert gateway.record_of(reply)["reason"] == "inactive"
    # `explain` asks as well.
    for asked, code in ((token, 0), (revoked, 1)):
        file = gateway.key_file(asked)
        assert gateway.mcpgate("explain", "--tool", "echo", "--token-file", file).returncode == code
    # What is bad in itself is not asked about.
    forged = issuer.token("mcp-admin", key=Key("first"))
    assert client(gateway, forged).request("ping").status == 401
    assert forged not in issuer.asked


RELAY = '''
from mcpgate import Context, tool


@tool(read_only=True)
def relay(name: str, arguments: dict, context: Context) -> str:
    """Calls another tool and says what it answered."""
    return "it said: " + str(context.call_tool(name, arguments, raise_on_error=False).text)
'''


def test_single_tool_sets_have_the_issuer_asked(issuer, certificates, client_secret, tmp_path):
    tools = copied_tools(tmp_path / "tools")
    (tools / "trial" / "relay.py").write_text(RELAY)
    config = asking_config(issuer, certificates, client_secret, "1s")
    config["auth"]["oidc"][0]["introspection"]["always"] = False
    config["toolSets"]["dba"]["introspect"] = True
    gateway = Gateway(tools, config=config).wait_ready()
    try:
        check_single_sets(gateway, issuer)
        config["auth"]["oidc"][0].pop("introspection")
        draft = gateway.state / "draft.yaml"
        draft.write_text(json.dumps(config, indent=1))
        done = run([BIN / "mcpgate", "check", "--config", draft], gateway.state)
        assert done.returncode == 2
        assert "toolSets.dba.introspect: " in done.stderr and "cannot be asked" in done.stderr
    finally:
        gateway.close()


def check_single_sets(gateway, issuer):
    def vacuum(user):
        return user.request("tools/call", {"name": "vacuum", "arguments": {"table": "t"}})

    token = issuer.token("mcp-admin")
    admin = client(gateway, token)
    wait_until(lambda: admin.request("ping").status == 200, "the keys are read")
    # What is revoked works elsewhere to its end, and is shown what it was shown.
    assert {"echo", "vacuum"} <= set(admin.tool_names())
    assert text_of(admin.request("tools/call", {"name": "echo", "arguments": {"text": "x"}}).result) == "x"
    assert issuer.asked == []
    refused = vacuum(admin)
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    record = gateway.record_of(refused)
    assert (record["reason"], record["user"], record["method"]) == ("inactive", "dora", "tools/call")
    assert issuer.asked == [token]
    issuer.answers[token] = {"active": True}
    wait_until(lambda: vacuum(admin).status == 200, "it is asked about again")
    del issuer.answers[token]
    wait_until(lambda: vacuum(admin).status == 401, "it is asked about again")
    # Who does not see the tool does not notice that somebody could be asked.
    stranger = issuer.token("mcp-tester")
    assert vacuum(client(gateway, stranger)).error["message"] == "Unknown tool: vacuum"
    assert stranger not in issuer.asked
    assert vacuum(gateway.user("kay", "mcp-admin")).status == 200, "a key has no issuer"
    assert client(gateway, "opaque").request("ping").status == 401
    assert issuer.asked[-1] == "opaque"
    # A tool of a set without it is no way round.
    live = issuer.token("mcp-admin", user="live")
    issuer.answers[live] = {"active": True}
    relay = {"name": "relay", "arguments": {"name": "vacuum", "arguments": {"table": "t"}}}
    reply = client(gateway, live).request("tools/call", relay)
    assert "called by clients alone" in text_of(reply.result)
    assert live not in issuer.asked
    for asked, code in ((live, 0), (token, 1)):
        file = gateway.key_file(asked)
        assert gateway.mcpgate("explain", "--tool", "vacuum", "--token-file", file).returncode == code
        assert gateway.mcpgate("explain", "--tool", "echo", "--token-file", file).returncode == 0


def test_a_token_that_is_revoked_ends_when_it_is_asked_about_again(start_asking, issuer):
    gateway = start_asking("1s")
    token = issuer.token("mcp-tester")
    issuer.answers[token] = {"active": True}
    assert client(gateway, token).request("ping").status == 200
    del issuer.answers[token]
    wait_until(lambda: client(gateway, token).request("ping").status == 401, "it is asked about again")


def test_an_opaque_token_is_what_its_issuer_says(start_asking, issuer):
    gateway = start_asking("300s")
    claims = {"iss": issuer.url, "sub": "7", "aud": "mcp", "exp": int(time.time()) + 300}
    claims |= {"username": "x", "preferred_username": "olga"}
    issuer.answers["opaque-1"] = claims | {"active": True, "realm_access": {"roles": ["mcp-tester"]}}
    issuer.answers["opaque-2"] = claims | {"active": True, "aud": "account"}
    tester = client(gateway, "opaque-1")
    reply = tester.request("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    assert text_of(reply.result) == "hello"
    record = next(r for r in gateway.records() if r.get("tool") == "echo")
    assert (record["user"], record["sub"], record["iss"]) == ("olga", "7", issuer.url)
    for token, reason in (("opaque-2", "wrong_audience"), ("opaque-3", "inactive")):
        refused = client(gateway, token).request("ping")
        assert refused.status == 401
        assert gateway.record_of(refused)["reason"] == reason


def test_an_issuer_that_cannot_be_asked_lets_nobody_in_and_its_secret_may_change(
    start_asking, issuer, client_secret
):
    gateway = start_asking("1s")
    token = issuer.token("mcp-tester")
    issuer.answers[token] = {"active": True}
    issuer.asker = "gateway:rotated"
    reply = client(gateway, token).request("ping")
    assert reply.status == 503
    assert "retry-after" in reply.headers
    assert gateway.record_of(reply)["reason"] == "issuer_unavailable"
    key = gateway.known_key("kay", "mcp-admin")
    assert gateway.client(key).request("ping").status == 200
    gateway.secrets.append("rotated")
    client_secret.write_text("rotated")
    wait_until(lambda: client(gateway, token).request("ping").status == 200, "the secret is read again")


def test_an_issuer_comes_and_goes_with_the_configuration(start_gateway, issuer, certificates):
    gateway = start_gateway(config=fixture_config())
    token = issuer.token("mcp-admin")
    assert client(gateway, token).request("ping").status == 401
    gateway.write_config(config_of(issuer, certificates, apiKeys={"directory": "keys"}))
    wait_until(lambda: gateway.answers(token, 200), "the issuer is known")
    gateway.write_config(fixture_config())
    wait_until(lambda: gateway.answers(token, 401), "the issuer is gone")
