"""A client whose access token is bound to its key (RFC 9449): each of its requests brings a proof."""

import base64
import hashlib
import json
import secrets
import time
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from support.rpc import McpClient, Reply


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class ClientKey:
    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        self.jwk = {name: jwk[name] for name in ("crv", "kty", "x", "y")}

    @property
    def confirmation(self) -> dict:
        """The `cnf` of a token that is bound to it."""
        text = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        return {"jkt": base64url(hashlib.sha256(text.encode()).digest())}

    def proof(self, method: str, url: str, token: str | None = None, **claims) -> str:
        whole = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
        }
        if token is not None:
            whole["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        header = {"typ": "dpop+jwt", "jwk": self.jwk}
        return jwt.encode(whole | claims, self.private, "ES256", header)


class BoundClient(McpClient):
    """`claims` replace those of each proof; `digests`: a proof is about the body too."""

    def __init__(self, url: str, token: str, key: ClientKey, *, digests=False, **claims):
        super().__init__(url, None)
        self.token = token
        self.bound_to = key
        self.digests = digests
        self.claims = claims
        # Of the last request.
        self.proof = ""

    def send(self, method: str, path: str, headers: dict, body: bytes | None = None) -> Reply:
        claims = dict(self.claims)
        if self.digests:
            digest = base64.b64encode(hashlib.sha256(body or b"").digest()).decode()
            claims = {"content_digest": f"sha-256=:{digest}:"} | claims
        url = f"{self.parts.scheme}://{self.parts.netloc}{urlsplit(path).path}"
        self.proof = self.bound_to.proof(method, url, self.token, **claims)
        fields = {"Authorization": f"DPoP {self.token}", "DPoP": self.proof}
        return super().send(method, path, headers | fields, body)
