"""`make keycloak`: the Keycloak of the tests, for a person. It prints what to do with it, and stays."""

import json
import signal
import sys
import threading

from keycloak import HttpFailure, Keycloak
from support import ROOT

PORT = 18080
GATEWAY = "http://127.0.0.1:8080/"
CONFIG = ROOT / "build" / "keycloak" / "mcpgate.yaml"
USERS = {
    "alice": "mcp-admin",
    "lola": "mcp-log-analyst",
    "victor": "mcp-viewer",
    "dana": "mcp-dba",
    "dev": "mcp-data-analyst",
}


def write_config(keycloak: Keycloak):
    """A gateway that takes this Keycloak's tokens, beside API keys. JSON is YAML."""
    name = "log-analysis"
    config = {
        "state": str(ROOT / "var"),
        "listen": "127.0.0.1:8080",
        "admin": {"listen": "127.0.0.1:9090"},
        "auth": {
            "oidc": [{"issuer": keycloak.issuer(), "scopes": ["mcp:tools"]}],
            "apiKeys": {"directory": "keys"},
        },
        "toolSets": {
            name: {
                "requiredRole": "mcp-log-analyst",
                "sandbox": f"unix:run/{name}.sock",
                "signingKey": {"file": f"run/{name}.key"},
            }
        },
        "audit": {"stdout": False},
    }
    CONFIG.write_text(json.dumps(config, indent=2) + "\n")


def print_welcome(keycloak: Keycloak, passwords: dict[str, str]):
    print(f"\nKeycloak: {keycloak.issuer()}")
    print(f"Administration: http://127.0.0.1:{PORT}/admin/ as admin, {keycloak.admin_password}\n")
    for name, role in USERS.items():
        print(f"  {name:<8} {passwords[name]:<20} {role}")
    print(f"\nA gateway that takes its tokens:\n  build/bin/mcpgate up --config {CONFIG}")
    print("\nA token of the service mcp-automation, whose role is mcp-log-analyst:")
    print(f"  curl -s {keycloak.issuer()}/protocol/openid-connect/token \\")
    print("    -d grant_type=client_credentials -d client_id=mcp-automation \\")
    print(f"    -d client_secret={keycloak.automation_secret}")
    print("\nEverything here is forgotten at its end. Ctrl-C ends it.", flush=True)


def main() -> int:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    print("Starting Keycloak, which takes about 30 s …", flush=True)
    keycloak = Keycloak(GATEWAY, port=PORT)
    try:
        passwords = {name: keycloak.add_user(name, role) for name, role in USERS.items()}
        write_config(keycloak)
        print_welcome(keycloak, passwords)
        while not ended.wait(1):
            if keycloak.process.exit_code() is not None:
                print(f"Keycloak has ended:\n{keycloak.process.log[-2000:]}", file=sys.stderr)
                return 1
    except HttpFailure as failure:
        print(f"Keycloak refused its set-up: {failure}", file=sys.stderr)
        return 1
    finally:
        keycloak.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
