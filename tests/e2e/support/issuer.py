"""An issuer of access tokens that a test holds in its hand: discovery and keys over HTTPS, tokens signed by
PyJWT. The real one is Keycloak, in tests/keycloak."""

import base64
import http.server
import json
import secrets
import ssl
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from support.certificates import Certificates


class Key:
    def __init__(self, kid: str):
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())

    def public_jwk(self) -> dict:
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return jwk | {"kid": self.kid, "use": "sig", "alg": "ES256"}


class Issuer:
    def __init__(self, certificates: Certificates):
        self.keys = [Key("first")]
        self.key_reads = 0
        # Introspection: who may ask, what was asked, and what each token is; others are inactive.
        self.asker = "gateway:secret"
        self.asked: list[str] = []
        self.answers: dict[str, dict] = {}
        # Users as Keycloak's Admin API tells of them, by id: whether they are enabled.
        self.users: dict[str, bool] = {}
        self.own_token = secrets.token_urlsafe()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.server_key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_address[1]}/realms/r"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(issuer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/realms/r/.well-known/openid-configuration":
                    document = {
                        "issuer": issuer.url,
                        "jwks_uri": f"{issuer.url}/certs",
                        "introspection_endpoint": f"{issuer.url}/introspect",
                    }
                elif self.path == "/realms/r/certs":
                    issuer.key_reads += 1
                    document = {"keys": [key.public_jwk() for key in issuer.keys]}
                elif self.path.startswith("/admin/realms/r/users/"):
                    user = self.path.rpartition("/")[2]
                    if self.headers["Authorization"] != f"Bearer {issuer.own_token}":
                        self.send_error(401)
                        return
                    if user not in issuer.users:
                        self.send_error(404)
                        return
                    document = {"id": user, "enabled": issuer.users[user]}
                else:
                    self.send_error(404)
                    return
                self.answer(document)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in urllib.parse.parse_qs(body).items()}
                asker = base64.b64encode(issuer.asker.encode()).decode()
                if self.headers["Authorization"] != f"Basic {asker}":
                    self.send_error(401)
                elif self.path == "/realms/r/introspect":
                    issuer.asked.append(form["token"])
                    self.answer(issuer.answers.get(form["token"], {"active": False}))
                elif form["grant_type"] == "client_credentials":
                    self.answer({"access_token": issuer.own_token, "expires_in": 60})
                else:
                    self.send_error(400)

            def answer(self, document):
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def token(self, *roles: str, user: str = "dora", key: Key | None = None, **claims) -> str:
        key = key or self.keys[-1]
        now = int(time.time())
        whole = {
            "iss": self.url,
            "sub": f"id-of-{user}",
            "aud": "mcp",
            "exp": now + 300,
            "iat": now,
            "typ": "Bearer",
            "preferred_username": user,
            "realm_access": {"roles": list(roles)},
        } | claims
        return jwt.encode(whole, key.private, "ES256", {"kid": key.kid})

    def logout_token(self, key: Key | None = None, **claims) -> str:
        """That a session (`sid`) or all of a subject (`sub`) has ended, for the client `cli`."""
        key = key or self.keys[-1]
        now = int(time.time())
        whole = {
            "iss": self.url,
            "aud": "cli",
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        } | claims
        return jwt.encode(whole, key.private, "ES256", {"kid": key.kid, "typ": "logout+jwt"})

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
