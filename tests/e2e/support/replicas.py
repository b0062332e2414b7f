"""Several gateways in front of one sandbox: what a load balancer picks from."""

import base64
import secrets
import shutil
import tempfile
from pathlib import Path

from support.gateway import Gateway, SandboxDaemon
from support.processes import free_port, wait_until

READ_AGAIN = "the configuration was read again"


def new_key(path: Path) -> dict:
    """A key file of 32 bytes, as the configuration names it."""
    path.touch(mode=0o600)
    path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=") + "\n")
    return {"file": str(path)}


class Replicas:
    """`mcpgate serve` several times over: the keys are shared, all else is each one's own."""

    def __init__(
        self,
        tool_set: Path,
        role: str,
        count: int = 3,
        advertise: list | None = None,
        seeds: tuple[int, ...] = (),
        **shared,
    ):
        """`advertise`: what each is to tell the others of its address, or nothing; `seeds`: which
        of them all know of; `shared` replaces parts of the configuration of each."""
        self.folder = Path(tempfile.mkdtemp(prefix="mcpgate-e2e-", dir="/tmp"))
        calls = self.folder / "calls"
        calls.mkdir(mode=0o700)
        self.sandbox = SandboxDaemon(tool_set, ("--calls", calls)).wait_ready()
        self._tools = tool_set.parent
        self._shared = {
            "sealingKeys": [new_key(self.folder / "sealing.key")],
            "auth": {"apiKeys": {"directory": str(self.folder / "keys")}},
            "roles": {"mcp-admin": {"toolSets": ["*"]}},
            "toolSets": {
                tool_set.name: {
                    "requiredRole": role,
                    "sandbox": f"unix:{self.sandbox.socket_path}",
                    "signingKey": {"file": str(self.sandbox.key_file)},
                }
            },
        } | shared
        self.peer_key = new_key(self.folder / "peers.key")
        self._advertise = advertise or [None] * count
        self._seeds = seeds
        self.ports = [free_port() for _ in range(count)]
        self.peer_ports = [free_port() for _ in range(count)]
        self.gateways = [self._start(number) for number in range(count)]
        for gateway in self.gateways:
            gateway.wait_ready()

    def _config(self, number: int) -> dict:
        peers = {"listen": f"127.0.0.1:{self.peer_ports[number]}", "key": self.peer_key}
        if self._advertise[number]:
            peers["advertise"] = self._advertise[number]
        if self._seeds:
            peers["others"] = [f"localhost:{self.peer_ports[seed]}" for seed in self._seeds]
        return self._shared | {"peers": peers}

    def _start(self, number: int) -> Gateway:
        config = self._config(number)
        return Gateway(self._tools, config=config, serve=True, port=self.ports[number])

    def use_peer_key(self, number: int, peer_key: dict | list):
        """Changes `peers.key` of one that runs, until its configuration is in force."""
        gateway = self.gateways[number]
        before = gateway.log.count(READ_AGAIN)
        self.peer_key = peer_key
        gateway.write_config(self._config(number))
        wait_until(lambda: gateway.log.count(READ_AGAIN) > before, "the configuration is read")

    def known_key(self, user: str, roles: str) -> str:
        """A fresh key, once every replica knows it."""
        key = self.gateways[0].create_key(user, roles)
        for gateway in self.gateways:
            gateway.secrets.append(key)
            wait_until(lambda at=gateway: at.answers(key, 200), "the new key is known")
        return key

    def kill(self, number: int):
        """Nothing is said to anybody, as when its machine dies."""
        self.gateways[number].process.kill()

    def restart(self, number: int):
        shutil.rmtree(self.gateways[number].state, ignore_errors=True)
        self.gateways[number] = self._start(number).wait_ready()

    def close(self):
        try:
            for gateway in self.gateways:
                if gateway.process.exit_code() is None:
                    gateway.close()
                else:
                    shutil.rmtree(gateway.state, ignore_errors=True)
            self.sandbox.close()
        finally:
            for running in [*self.gateways, self.sandbox]:
                running.process.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
