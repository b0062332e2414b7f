"""The gateway and a real Keycloak, as the realm that the project ships sets it up. Tests stand in the order in
which they run: the last ones stop Keycloak."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from browser import Browser
from cryptography.hazmat.primitives import serialization
from keycloak import HttpFailure, request
from support import BIN, ROOT
from support.dpop import BoundClient, ClientKey
from support.gateway import environment
from support.processes import Running, wait_until
from support.rpc import text_of

CLIENT = "mcp-client"


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def ask(gateway, token: str):
    gateway.secrets.append(token)
    return gateway.client(token).request("ping")


def status(gateway, token: str) -> int:
    return ask(gateway, token).status


def why_refused(gateway, token: str) -> str:
    """The reason of the 401 that this token gets, as its record says."""
    reply = ask(gateway, token)
    assert reply.status == 401
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    return gateway.record_of(reply)["reason"]


class LandingPage(BaseHTTPRequestHandler):
    """What an AI client shows when the browser comes back to it."""

    def do_GET(self):
        self.send_response(200 if self.path.startswith("/callback?") else 404)
        self.end_headers()
        self.wfile.write(b"back at the client")

    def log_message(self, *_):
        pass


class Login:
    """Authorization code with PKCE, as an AI client does it that waits at `redirect`."""

    def __init__(self, keycloak, browser: Browser, redirect: str, user: str, password: str):
        self.keycloak = keycloak
        self.redirect = redirect
        verifier = secrets.token_urlsafe(48)
        challenge = hashlib.sha256(verifier.encode()).digest()
        self.state = secrets.token_urlsafe(8)
        query = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": redirect,
            "scope": "openid",
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        url = f"{keycloak.issuer()}/protocol/openid-connect/auth?{urllib.parse.urlencode(query)}"
        browser.log_in(url, user, password)
        self.page = browser.text
        if browser.address.startswith(redirect):
            self._take_tokens(browser.address, verifier)

    def _take_tokens(self, landed: str, verifier: str):
        answer = urllib.parse.parse_qs(urllib.parse.urlsplit(landed).query)
        assert answer["state"] == [self.state]
        assert answer["iss"] == [self.keycloak.issuer()]
        self._keep(
            self.keycloak.token_request(
                grant_type="authorization_code",
                client_id=CLIENT,
                redirect_uri=self.redirect,
                code=answer["code"][0],
                code_verifier=verifier,
            )
        )

    def _keep(self, tokens: dict):
        self.access = tokens["access_token"]
        self.refresh_token = tokens["refresh_token"]
        self.id_token = tokens.get("id_token")

    def refresh(self) -> str:
        self._keep(
            self.keycloak.token_request(
                grant_type="refresh_token", client_id=CLIENT, refresh_token=self.refresh_token
            )
        )
        return self.access


@pytest.fixture(scope="module")
def passwords(keycloak):
    users = {
        "alice": ["mcp-admin"],
        "lola": ["mcp-log-analyst"],
        "victor": ["mcp-viewer"],
        "dana": ["mcp-dba"],
    }
    return {name: keycloak.add_user(name, *roles) for name, roles in users.items()}


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def redirect():
    server = ThreadingHTTPServer(("127.0.0.1", 0), LandingPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/callback"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def log_in(keycloak, browser, redirect, passwords):
    def log_in(name: str, password: str | None = None) -> Login:
        return Login(keycloak, browser, redirect, name, password or passwords[name])

    return log_in


@pytest.fixture(scope="module")
def service_token(keycloak):
    return lambda: keycloak.client_token("mcp-automation", keycloak.automation_secret)


def test_client_credentials_open_what_the_service_accounts_role_opens(gateway, service_token):
    token = service_token()
    assert claims_of(token)["exp"] - claims_of(token)["iat"] == 300
    gateway.secrets.append(token)
    client = gateway.client(token)
    assert "echo" in client.tool_names()
    assert "vacuum" not in client.tool_names()
    reply = client.request("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
    assert text_of(reply.result) == "hello"
    record = next(r for r in gateway.records() if r.get("tool") == "echo")
    assert record["user"] == "service-account-mcp-automation"
    assert (record["iss"], record["sub"]) == (claims_of(token)["iss"], claims_of(token)["sub"])
    assert record["auth_type"] == "access_token"


def test_people_log_in_with_a_code_and_pkce_and_each_sees_their_own_tools(gateway, log_in):
    seen = {}
    for name in ("alice", "lola", "victor", "dana"):
        token = log_in(name).access
        gateway.secrets.append(token)
        seen[name] = set(gateway.client(token).tool_names())
        assert gateway.record_of(ask(gateway, token))["user"] == name
    assert seen["dana"] == {"vacuum"}
    assert "vacuum" not in seen["lola"] | seen["victor"]
    assert seen["alice"] == seen["lola"] | {"vacuum"}
    assert {"echo"} <= seen["victor"] < seen["lola"]


def test_a_refreshed_token_works_and_a_used_refresh_token_does_not(gateway, keycloak, log_in):
    login = log_in("alice")
    used = login.refresh_token
    assert status(gateway, login.refresh()) == 200
    with pytest.raises(HttpFailure, match="invalid_grant"):
        keycloak.token_request(grant_type="refresh_token", client_id=CLIENT, refresh_token=used)


def test_neither_id_token_nor_refresh_token_is_an_access_token(gateway, log_in):
    login = log_in("alice")
    assert status(gateway, login.access) == 200
    assert why_refused(gateway, login.id_token) in ("wrong_type", "wrong_audience")
    assert why_refused(gateway, login.refresh_token) == "algorithm"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_each_algorithm_of_keycloak_is_verified(gateway, keycloak, algorithm):
    secret = keycloak.add_service(
        f"service-{algorithm}", **{"access.token.signed.response.alg": algorithm}
    )
    token = keycloak.client_token(f"service-{algorithm}", secret)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    # Keycloak has just made the key: it is read with the first token that names it, or as soon as may be.
    wait_until(lambda: status(gateway, token) == 200, "the new key is known", 15)


# Weakness 3 of the earlier implementation: a token of the realm for any client was accepted.
def test_a_token_for_somebody_else_is_refused(gateway, keycloak):
    secret = keycloak.add_service("other-service", scopes=["basic", "roles"])
    assert why_refused(gateway, keycloak.client_token("other-service", secret)) == "wrong_audience"


def test_a_token_of_another_realm_is_refused(gateway, keycloak):
    keycloak.admin("POST", "", {"realm": "other", "enabled": True})
    secret = keycloak.add_service("twin", realm="other")
    token = keycloak.client_token("twin", secret, realm="other")
    assert claims_of(token)["iss"] == keycloak.issuer("other")
    assert why_refused(gateway, token) == "unknown_issuer"


def test_a_token_that_was_changed_is_refused(gateway, service_token):
    header, payload, signature = service_token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["realm_access"]["roles"].append("mcp-admin")
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert why_refused(gateway, f"{header}.{forged}.{signature}") == "bad_signature"


def test_an_unsigned_token_is_refused(gateway, service_token):
    header, payload, signature = service_token().split(".")
    fields = json.loads(base64.urlsafe_b64decode(header + "==")) | {"alg": "none"}
    unsigned = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()
    for last in ("", signature):
        assert why_refused(gateway, f"{unsigned}.{payload}.{last}") in ("algorithm", "malformed")


def test_an_hmac_with_the_public_key_is_refused(gateway, keycloak, service_token):
    token = service_token()
    fields = jwt.get_unverified_header(token)
    key = jwt.PyJWKClient(f"{keycloak.issuer()}/protocol/openid-connect/certs").get_signing_key(fields["kid"])
    pem = key.key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = base64.urlsafe_b64encode(json.dumps(fields | {"alg": "HS256"}).encode())
    signed = header.rstrip(b"=") + b"." + token.split(".")[1].encode()
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed, "sha256")).rstrip(b"=")
    assert why_refused(gateway, (signed + b"." + mac).decode()) == "algorithm"


def test_a_token_without_the_scope_is_told_which_it_needs(gateway, keycloak):
    keycloak.admin(
        "POST",
        "/mcp-realm/client-scopes",
        {
            "name": "audience-alone",
            "protocol": "openid-connect",
            "attributes": {"include.in.token.scope": "false"},
            "protocolMappers": [
                {
                    "name": "gateway",
                    "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {
                        "included.custom.audience": gateway.url,
                        "access.token.claim": "true",
                    },
                }
            ],
        },
    )
    secret = keycloak.add_service("unscoped", scopes=["basic", "audience-alone"])
    token = keycloak.client_token("unscoped", secret)
    gateway.secrets.append(token)
    reply = gateway.client(token).request("ping")
    assert reply.status == 403
    challenge = reply.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="mcp:tools"' in challenge


@pytest.fixture(scope="module")
def bound_token(keycloak):
    """What gives a new token that is bound to this key."""
    secret = keycloak.add_service("bound-service", **{"dpop.bound.access.tokens": "true"})
    with pytest.raises(HttpFailure, match="invalid_request"):
        keycloak.client_token("bound-service", secret)
    return lambda key: keycloak.client_token("bound-service", secret, bound_to=key)


def check_that_it_is_bound(gateway, token: str, key: ClientKey):
    # Keycloak says more there than the thumbprint.
    assert key.confirmation.items() <= claims_of(token)["cnf"].items()
    client = BoundClient(gateway.url, token, key)
    replies = [client.request("ping") for _ in range(3)]
    assert [reply.status for reply in replies] == [200] * 3
    assert gateway.record_of(replies[0])["user"] == "service-account-bound-service"
    assert why_refused(gateway, token) == "bound_to_a_key"
    thief = BoundClient(gateway.url, token, ClientKey()).request("ping")
    assert thief.status == 401
    assert gateway.record_of(thief)["reason"] == "other_key"


def test_a_token_that_is_bound_to_a_key_works_with_proofs_alone(gateway, bound_token):
    key = ClientKey()
    check_that_it_is_bound(gateway, bound_token(key), key)


def test_a_bound_token_that_keycloak_is_asked_about_needs_its_proofs_too(
    asking_gateway, bound_token
):
    key = ClientKey()
    check_that_it_is_bound(asking_gateway, bound_token(key), key)


def test_an_expired_token_is_refused(gateway, keycloak):
    secret = keycloak.add_service("brief", **{"access.token.lifespan": "2"})
    token = keycloak.client_token("brief", secret)
    assert status(gateway, token) == 200
    wait_until(lambda: status(gateway, token) == 401, "it has expired", 10)
    assert why_refused(gateway, token) == "expired"


def test_mcpgate_login_is_used_by_the_commands_after_it(gateway, keycloak, browser, passwords):
    argv = [BIN / "mcpgate", "login", "--url", gateway.url, "--config", gateway.config_path]
    login = Running(argv, environment(gateway.state), cwd=gateway.state)

    def address():
        return re.search(r"^  (http\S+)$", login.log, re.MULTILINE)

    wait_until(address, "the address to open is printed")
    # Whoever else calls the listener achieves nothing.
    redirect = urllib.parse.parse_qs(urllib.parse.urlsplit(address()[1]).query)["redirect_uri"][0]
    with pytest.raises(HttpFailure, match="404"):
        request("GET", f"{redirect}?code=x&state=y")
    browser.log_in(address()[1], "lola", passwords["lola"])
    assert browser.address.startswith(redirect)
    assert "logged in" in browser.text
    wait_until(lambda: login.exit_code() is not None, "the login has ended")
    assert login.exit_code() == 0, login.log

    [kept] = (gateway.state / "tokens").glob("*.login.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["access_token"] not in login.log
    listed = gateway.mcpgate("tools", "list", "--url", gateway.url)
    assert listed.returncode == 0, listed.stderr
    assert "echo" in listed.stdout and "vacuum" not in listed.stdout

    # As if five minutes had passed: the next command refreshes, the file has what is new.
    before = json.loads(kept.read_text())
    kept.write_text(json.dumps(before | {"expires": "2026-01-01T00:00:00Z"}))
    assert gateway.mcpgate("tools", "list", "--url", gateway.url).returncode == 0
    after = json.loads(kept.read_text())
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]

    # A login that Keycloak has ended says what to do.
    keycloak.admin("POST", f"/mcp-realm/users/{keycloak.user_id('lola')}/logout")
    kept.write_text(json.dumps(after | {"expires": "2026-01-01T00:00:00Z"}))
    refused = gateway.mcpgate("tools", "list", "--url", gateway.url)
    assert refused.returncode == 1
    assert f"mcpgate login --url {gateway.url}" in refused.stderr
    kept.unlink()


def script(gateway, *words):
    argv = [ROOT / "scripts" / "get-mcp-credentials.sh", "--url", gateway.url, *words]
    return Running(argv, environment(gateway.state), cwd=gateway.state)


def test_the_script_gives_a_service_its_token(gateway, keycloak):
    secret = gateway.state / "automation.secret"
    secret.write_text(keycloak.automation_secret + "\n")
    done = script(gateway, "--service", "mcp-automation", "--secret-file", secret)
    wait_until(lambda: done.exit_code() is not None, "the script has ended", 30)
    assert done.exit_code() == 0, done.log
    assert status(gateway, done.log.strip()) == 200
    secret.write_text("wrong")
    refused = script(gateway, "--service", "mcp-automation", "--secret-file", secret)
    wait_until(lambda: refused.exit_code() is not None, "the script has ended", 30)
    assert refused.exit_code() != 0


def test_the_script_gives_a_person_what_to_paste(gateway, browser, passwords):
    running = script(gateway)

    def address():
        return re.search(r"^  (http\S+)$", running.log, re.MULTILINE)

    wait_until(address, "the address to open is printed")
    browser.log_in(address()[1], "alice", passwords["alice"])
    wait_until(lambda: running.exit_code() is not None, "the script has ended", 30)
    assert running.exit_code() == 0, running.log
    pasted = json.loads(running.log[running.log.index("{") :])["mcpServers"]["mcpgate"]
    bridge = subprocess.run(
        [pasted["command"], *pasted["args"]],
        env=environment(gateway.state) | pasted["env"],
        cwd="/",
        input='{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}\n',
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "vacuum" in bridge.stdout, bridge.stderr


def test_a_role_that_is_taken_away_is_gone_with_the_next_token(gateway, keycloak, log_in):
    login = log_in("dana")
    gateway.secrets.append(login.access)
    assert gateway.client(login.access).tool_names() == ["vacuum"]
    keycloak.change_role("DELETE", "dana", "mcp-dba")
    fresh = login.refresh()
    gateway.secrets.append(fresh)
    assert gateway.client(fresh).tool_names() == []


def test_a_disabled_user_gets_no_further_token(gateway, keycloak, log_in):
    login = log_in("victor")
    keycloak.set_enabled("victor", False)
    with pytest.raises(HttpFailure, match="invalid_grant"):
        login.refresh()
    assert "disabled" in log_in("victor").page
    # What is verified here alone works to its end: at most five minutes.
    assert status(gateway, login.access) == 200


def test_a_disabled_users_api_keys_stop(gateway, keycloak, passwords):
    user = keycloak.user_id("dana")
    key = gateway.create_key("dana", "mcp-log-analyst", "--keycloak-user", user)
    wait_until(lambda: gateway.answers(key, 200), "Keycloak has told")
    keycloak.set_enabled("dana", False)
    wait_until(lambda: gateway.answers(key, 401), "Keycloak has told again")
    record = gateway.record_of(gateway.client(key).request("ping"))
    assert record["reason"] == "owner_disabled"
    keycloak.set_enabled("dana", True)
    wait_until(lambda: gateway.answers(key, 200), "she is back")


def test_keycloak_tells_of_a_logout_which_ends_the_token_at_once(gateway, keycloak, log_in):
    login, other = log_in("alice"), log_in("lola")
    assert status(gateway, login.access) == 200
    keycloak.admin("POST", f"/mcp-realm/users/{keycloak.user_id('alice')}/logout")
    wait_until(lambda: gateway.answers(login.access, 401), "Keycloak has told")
    assert why_refused(gateway, login.access) == "logged_out"
    assert status(gateway, other.access) == 200
    assert status(gateway, log_in("alice").access) == 200, "she may come back"


def test_where_keycloak_is_asked_a_revoked_token_ends(asking_gateway, keycloak, log_in):
    login = log_in("alice")
    wait_until(lambda: status(asking_gateway, login.access) == 200, "Keycloak is asked")
    other = log_in("lola")
    assert status(asking_gateway, other.access) == 200
    revoke = f"{keycloak.issuer()}/protocol/openid-connect/revoke"
    request("POST", revoke, form={"client_id": "mcp-client", "token": login.access})
    wait_until(lambda: asking_gateway.answers(login.access, 401), "every loop has asked again")
    assert why_refused(asking_gateway, login.access) == "inactive"
    assert status(asking_gateway, other.access) == 200


def test_keycloaks_log_tells_of_logins_and_of_those_that_failed(keycloak, log_in, passwords):
    log_in("lola")
    assert "Invalid username or password" in log_in("lola", "wrong").page
    messages = [event["message"] for event in keycloak.events()]
    good = [m for m in messages if 'type="LOGIN"' in m and 'username="lola"' in m]
    bad = [m for m in messages if 'type="LOGIN_ERROR"' in m and 'username="lola"' in m]
    assert good and 'clientId="mcp-client"' in good[-1]
    assert bad and 'error="invalid_user_credentials"' in bad[-1]
    assert not any(passwords["lola"] in m for m in messages)


def test_keys_are_rotated_while_serving(gateway, keycloak, service_token):
    before = service_token()
    keycloak.rotate_keys(200)
    after = service_token()
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    wait_until(lambda: status(gateway, after) == 200, "the new key is known", 15)
    assert status(gateway, before) == 200, "a key that signs no more still verifies"


def test_without_keycloak_tokens_work_to_their_end_and_keys_for_ever(gateway, keycloak, service_token):
    token = service_token()
    assert status(gateway, token) == 200
    unseen = service_token()
    brief = keycloak.add_service("last", **{"access.token.lifespan": "4"})
    ending = keycloak.client_token("last", brief)
    key = gateway.known_key("kay", "mcp-log-analyst")
    keycloak.stop()
    assert status(gateway, token) == 200
    assert status(gateway, unseen) == 200, "it was not seen before, but its key is known"
    header = {"alg": "RS256", "typ": "JWT", "kid": "made-up"}
    fields = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    assert why_refused(gateway, ".".join([fields, *token.split(".")[1:]])) == "unknown_signing_key"
    assert gateway.client(key).request("ping").status == 200
    wait_until(lambda: status(gateway, ending) == 401, "it has expired", 10)
    assert why_refused(gateway, ending) == "expired"
