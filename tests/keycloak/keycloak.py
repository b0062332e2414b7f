"""A real Keycloak on this machine, with the realm that the project ships: started, administered as an operator
would, stopped. It keeps nothing: its database is in memory."""

import http.client
import json
import os
import secrets
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from support import ROOT
from support.dpop import ClientKey
from support.processes import Running, free_port, wait_until

VERSION = "26.7.1"
HOME = ROOT / "build" / "keycloak" / f"keycloak-{VERSION}"
REALM_FILE = ROOT / "deploy" / "keycloak" / "mcp-realm-realm.json"
REALM = "mcp-realm"
START_SECONDS = 180

# Small, and quick to start: it serves a handful of logins.
JAVA = {"JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m", "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}


class HttpFailure(Exception):
    def __init__(self, status: int, body: str):
        super().__init__(f"{status} {body[:500]}")
        self.status = status
        self.body = body


def request(method: str, url: str, *, token: str = "", form=None, document=None, proof: str = ""):
    """The JSON that comes back, or nothing where the body is empty."""
    headers, data = {"DPoP": proof} if proof else {}, None
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    if document is not None:
        data = json.dumps(document).encode()
        headers["Content-Type"] = "application/json"
    call = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        raise HttpFailure(error.code, error.read().decode(errors="replace")) from None
    return json.loads(body) if body else None


class Keycloak:
    """`public_url` is the gateway's: what its tokens are for."""

    def __init__(self, public_url: str, port: int | None = None):
        if not (HOME / "bin" / "kc.sh").exists():
            raise AssertionError(f"{HOME} is not there: make keycloak-test fetches it")
        self.folder = Path(tempfile.mkdtemp(prefix="mcpgate-keycloak-", dir="/tmp"))
        self.port = port or free_port()
        self.admin_password = secrets.token_urlsafe(18)
        self.gateway_secret = secrets.token_urlsafe(24)
        self.automation_secret = secrets.token_urlsafe(24)
        self._use_realm_file()
        management = free_port()
        argv = [HOME / "bin" / "kc.sh", "start-dev", "--import-realm", "--db=dev-mem"]
        argv += ["--http-host=127.0.0.1", f"--http-port={self.port}", "--health-enabled=true"]
        argv += [f"--http-management-port={management}", "--log-console-output=json"]
        argv += ["--spi-events-listener--jboss-logging--success-level=info"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"} | {
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
            "MCP_PUBLIC_URL": public_url,
            "MCP_GATEWAY_CLIENT_SECRET": self.gateway_secret,
            "MCP_AUTOMATION_CLIENT_SECRET": self.automation_secret,
        }
        self.process = Running(argv, environment | JAVA, cwd=self.folder)
        self._wait_ready(management)

    def _use_realm_file(self):
        folder = HOME / "data" / "import"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(REALM_FILE, folder / REALM_FILE.name)

    def _wait_ready(self, management: int):
        def ready():
            code = self.process.exit_code()
            assert code is None, f"Keycloak ended with {code}:\n{self.process.log[-4000:]}"
            connection = http.client.HTTPConnection("127.0.0.1", management, timeout=5)
            try:
                connection.request("GET", "/health/ready")
                return connection.getresponse().status == 200
            except OSError:
                return False
            finally:
                connection.close()

        try:
            wait_until(ready, "Keycloak is ready", START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.process.exit_code() is None:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def issuer(self, realm: str = REALM) -> str:
        return f"http://127.0.0.1:{self.port}/realms/{realm}"

    def events(self) -> list[dict]:
        """What its log says of logins: one JSON object a line."""
        found = []
        for line in self.process.log.splitlines():
            if line.startswith("{") and '"org.keycloak.events"' in line:
                found.append(json.loads(line))
        return found

    # --- as a client ---

    def token_request(self, realm: str = REALM, bound_to: ClientKey | None = None, **form) -> dict:
        url = f"{self.issuer(realm)}/protocol/openid-connect/token"
        proof = bound_to.proof("POST", url) if bound_to else ""
        return request("POST", url, form=form, proof=proof)

    def client_token(
        self,
        client: str,
        secret: str,
        realm: str = REALM,
        bound_to: ClientKey | None = None,
    ) -> str:
        answer = self.token_request(
            realm,
            bound_to,
            grant_type="client_credentials",
            client_id=client,
            client_secret=secret,
        )
        return answer["access_token"]

    # --- as an operator ---

    def admin(self, method: str, path: str, document=None):
        """The Admin API; `path` is what follows /admin/realms."""
        token = self.token_request(
            "master",
            grant_type="password",
            client_id="admin-cli",
            username="admin",
            password=self.admin_password,
        )["access_token"]
        url = f"http://127.0.0.1:{self.port}/admin/realms{path}"
        return request(method, url, token=token, document=document)

    def add_user(self, name: str, *roles: str, realm: str = REALM) -> str:
        """The password of a new user who has these roles."""
        password = secrets.token_urlsafe(12)
        credential = {"type": "password", "value": password, "temporary": False}
        user = {"username": name, "enabled": True, "credentials": [credential]}
        user |= {"email": f"{name}@example.com", "emailVerified": True}
        user |= {"firstName": name.title(), "lastName": "Example"}
        self.admin("POST", f"/{realm}/users", user)
        for role in roles:
            self.change_role("POST", name, role, realm=realm)
        return password

    def user_id(self, name: str, realm: str = REALM) -> str:
        return self.admin("GET", f"/{realm}/users?exact=true&username={name}")[0]["id"]

    def change_role(self, method: str, user: str, role: str, realm: str = REALM):
        """POST grants, DELETE takes away."""
        known = self.admin("GET", f"/{realm}/roles/{role}")
        path = f"/{realm}/users/{self.user_id(user, realm)}/role-mappings/realm"
        self.admin(method, path, [known])

    def set_enabled(self, user: str, enabled: bool):
        self.admin("PUT", f"/{REALM}/users/{self.user_id(user)}", {"enabled": enabled})

    def add_service(self, client: str, *, scopes=None, realm: str = REALM, **attributes) -> str:
        """The secret of a new client that acts for itself."""
        secret = secrets.token_urlsafe(24)
        document = {"clientId": client, "secret": secret, "publicClient": False}
        document |= {"serviceAccountsEnabled": True, "standardFlowEnabled": False}
        document["attributes"] = attributes
        if scopes is not None:
            document["defaultClientScopes"] = scopes
        self.admin("POST", f"/{realm}/clients", document)
        return secret

    def realm_keys(self, realm: str = REALM) -> list[dict]:
        return self.admin("GET", f"/{realm}/keys")["keys"]

    def rotate_keys(self, priority: int) -> None:
        """A new RS256 key, which signs from now on."""
        realm_id = self.admin("GET", f"/{REALM}")["id"]
        self.admin(
            "POST",
            f"/{REALM}/components",
            {
                "name": f"rsa-{priority}",
                "providerId": "rsa-generated",
                "providerType": "org.keycloak.keys.KeyProvider",
                "parentId": realm_id,
                "config": {"priority": [str(priority)], "algorithm": ["RS256"]},
            },
        )
