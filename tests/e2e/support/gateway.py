"""The real executables, each with a state directory of its own."""

import base64
import http.client
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from support import BIN, ROOT, audit
from support.processes import Running, descendants, free_port, on_all_loops, wait_until
from support.rpc import McpClient
from support.signing import SandboxSocket

# A start may install packages first, on a machine that does other things too.
READY_SECONDS = 150

# Every string that a test passes as an argument starts so, and none of it may be in a record or
# log.
CANARY = "canary-3f9c"


def environment(state: Path) -> dict:
    """Little of ours: a test must not pass because of what a developer has exported."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    }
    return kept | {"MCPGATE_STATE": str(state)}


def run(argv: list, state: Path, *, stdin: str = "", seconds: float = 150, cwd: Path | None = None):
    """Runs a command to its end, in `cwd` (the state directory: no configuration file is near)."""
    return subprocess.run(
        [str(word) for word in argv],
        env=environment(state),
        cwd=cwd or state,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


class Gateway:
    """A running `mcpgate up`: the gateway, and one sandbox daemon per tool set."""

    def __init__(
        self,
        tools: Path,
        *,
        config: dict | None = None,
        scheme: str = "http",
        serve=False,
        before: list | None = None,
        port: int | None = None,
        program: Path = BIN / "mcpgate",
    ):
        """`before`: the words of a program that starts the gateway, such as support/masked.py;
        `port`: where it listens, else a free one; `program`: a copy of the gateway."""
        # A short path: that of a Unix socket has at most 107 bytes.
        self.state = Path(tempfile.mkdtemp(prefix="mcpgate-e2e-", dir="/tmp"))
        self.tools = tools
        self.scheme = scheme
        self.port = port or free_port()
        self.admin_port = free_port()
        self.secrets: list[str] = []
        self.config_path: Path | None = None
        self._stopped = False
        self._records: list[dict] = []
        self._taken: dict[str, int] = {}
        command = [*(before or []), program, "serve" if serve else "up"]
        if not serve:
            command += ["--tools", tools, "--port", self.port, "--admin-port", self.admin_port]
        if config is not None:
            self.config_path = self.state / "mcpgate.yaml"
            self.write_config(config)
            command += ["--config", self.config_path]
        self.process = Running(command, environment(self.state), cwd=self.state)

    def write_config(self, config: dict):
        """Replaces the configuration whole; JSON is YAML."""
        document = {
            "state": str(self.state),
            "listen": f"127.0.0.1:{self.port}",
            "admin": {"listen": f"127.0.0.1:{self.admin_port}"},
        } | config
        self.write_config_text(json.dumps(document, indent=2))

    def write_config_text(self, text: str):
        draft = self.config_path.with_suffix(".new")
        draft.write_text(text)
        draft.rename(self.config_path)

    @property
    def url(self) -> str:
        host = "localhost" if self.scheme == "https" else "127.0.0.1"
        return f"{self.scheme}://{host}:{self.port}/mcp"

    @property
    def log(self) -> str:
        return self.process.log

    def wait_ready(self) -> "Gateway":
        def ready():
            code = self.process.exit_code()
            assert code is None, f"ended with {code} before it was ready:\n{self.log}"
            return self.admin("/ready")[0] == 200

        try:
            wait_until(ready, "the gateway is ready", READY_SECONDS)
        except AssertionError as error:
            self.process.kill()
            raise AssertionError(f"{error}\n{self.log}") from None
        return self

    def admin(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def mcpgate(self, *words, stdin: str = "", **options):
        """Runs a command of the CLI beside this gateway."""
        argv = [BIN / "mcpgate", *words]
        if self.config_path is not None:
            argv += ["--config", self.config_path]
        return run(argv, self.state, stdin=stdin, **options)

    def create_key(self, user: str, roles: str, *flags: str) -> str:
        done = self.mcpgate("keys", "create", "--user", user, "--roles", roles, *flags)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1, "keys create prints the key alone"
        key = done.stdout.strip()
        self.secrets.append(key)
        return key

    def client(self, key: str | None, **options) -> McpClient:
        return McpClient(self.url, key, **options)

    def answers(self, key: str, status: int, **options) -> bool:
        """Whether the whole gateway answers this key so."""
        client = self.client(key, **options)
        return on_all_loops(lambda: client.request("ping").status == status)

    def known_key(self, user: str, roles: str, **options) -> str:
        """A fresh key, once the running gateway knows it; `options` are those of its client."""
        key = self.create_key(user, roles)
        wait_until(lambda: self.answers(key, 200, **options), "the new key is known")
        return key

    def user(self, name: str, roles: str) -> McpClient:
        return self.client(self.known_key(name, roles))

    def key_file(self, key: str) -> Path:
        """A file of mode 0600 that holds the key, for `--token-file`."""
        path = self.state / f"token-{len(list(self.state.glob('token-*')))}"
        path.touch(mode=0o600)
        path.write_text(key + "\n")
        return path

    def daemon(self, tool_set: str):
        """The process of a tool set's sandbox daemon, or nothing."""
        for process in descendants(self.process.pid):
            if process.name != "mcpgate-sandbox":
                continue
            try:
                words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
            except OSError:  # It has ended since.
                continue
            if b"serve" in words and any(w.endswith(f"/{tool_set}".encode()) for w in words):
                return process
        return None

    def sandbox_socket(self, tool_set: str) -> SandboxSocket:
        """What `up` made for one tool set's daemon."""
        run = self.state / "run"
        return SandboxSocket(run / f"{tool_set}.sock", run / f"{tool_set}.key")

    def records(self) -> list[dict]:
        """All records so far. The list only grows, whichever chain a record is in, so that a test
        may look at what came after a length that it has noted."""
        new = []
        for writer, records in self.chains().items():
            new += records[self._taken.get(writer, 0) :]
            self._taken[writer] = len(records)
        self._records += sorted(new, key=lambda record: record["timestamp"])
        return list(self._records)

    def record_of(self, reply) -> dict:
        """The record of an answered request."""
        request_id = reply.headers["x-request-id"]
        return next(
            record
            for record in self.records()
            if record.get("request_id") == request_id and record["type"] == "mcp_request"
        )

    def chains(self) -> dict[str, list[dict]]:
        return audit.read_chains(self.state / "audit")

    def stop(self) -> int:
        self._stopped = True
        return self.process.stop()

    def close(self):
        """Ends it, and checks what must hold after any test: an orderly end, nothing left behind, a
        whole chain, and no secret and no argument anywhere."""
        try:
            if not self._stopped:
                code = self.stop()
                assert code == 0, f"exit code {code}\n{self.log[-4000:]}"
            audit.verify(self.state / "audit")
            self._check_secrets()
        finally:
            self.process.kill()
            shutil.rmtree(self.state, ignore_errors=True)

    def _check_secrets(self):
        places = {"log": self.log}
        for path in (self.state / "audit").glob("*"):
            places[path.name] = path.read_text("utf-8")
        for place, text in places.items():
            assert CANARY not in text, f"an argument's value is in {place}"
            for key in self.secrets:
                assert key.removeprefix("mcpk_")[-50:] not in text, f"a key is in {place}"


class SandboxDaemon:
    """A running `mcpgate-sandbox serve` of one tool set, without a gateway; `words` are more of its
    flags, `before` those of a program that starts it."""

    def __init__(self, tools: Path, words: tuple = (), before: list | None = None):
        self.state = Path(tempfile.mkdtemp(prefix="mcpgate-e2e-", dir="/tmp"))
        self.socket_path = self.state / "sandbox.sock"
        self.key_file = self.state / "sandbox.key"
        self.key_file.touch(mode=0o600)
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        self.key_file.write_text(secret + "\n")
        argv = [*(before or []), BIN / "mcpgate-sandbox", "serve", "--tools", tools, *words]
        argv += ["--listen", f"unix:{self.socket_path}", "--key-file", self.key_file]
        self.process = Running(argv, environment(self.state), cwd=self.state)

    @property
    def log(self) -> str:
        return self.process.log

    def wait_ready(self) -> "SandboxDaemon":
        def serves():
            assert self.process.exit_code() is None, f"ended before it was ready:\n{self.log}"
            return self.socket_path.exists() and self.socket().serves()

        try:
            wait_until(serves, "the daemon serves", READY_SECONDS)
        except AssertionError as error:
            self.process.kill()
            raise AssertionError(f"{error}\n{self.log}") from None
        return self

    def socket(self) -> SandboxSocket:
        return SandboxSocket(self.socket_path, self.key_file)

    def close(self):
        try:
            assert self.process.stop() == 0, self.log[-4000:]
        finally:
            self.process.kill()
            shutil.rmtree(self.state, ignore_errors=True)


def fixture_tools() -> Path:
    return ROOT / "tests" / "e2e" / "tools"


def more_tools() -> Path:
    """Files that tests add to a copy of the fixture's tool sets."""
    return ROOT / "tests" / "e2e" / "more_tools"


def project_tools() -> Path:
    return ROOT / "tools"


def copied_tools(destination: Path) -> Path:
    """A copy of the fixture's tool sets, for tests that edit them."""
    shutil.copytree(fixture_tools(), destination, ignore=shutil.ignore_patterns("__pycache__"))
    return destination


def change_settings(folder: Path, *changes: tuple[str, str]):
    """Replaces words of a tool set's toolset.yaml, each of which must be there."""
    text = (folder / "toolset.yaml").read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{folder.name}/toolset.yaml has no {old}"
        text = text.replace(old, new)
    (folder / "toolset.yaml").write_text(text)


def fixture_config(**keys) -> dict:
    """A configuration that serves the fixture's tool sets; `keys` replace its parts."""
    return {
        "auth": {"apiKeys": {"directory": "keys"}},
        "roles": {"mcp-admin": {"toolSets": ["*"]}},
        "toolSets": {name: tool_set(name, role) for name, role in FIXTURE_ROLES.items()},
        "audit": {"directory": "audit"},
    } | keys


FIXTURE_ROLES = {"trial": "mcp-tester", "dba": "mcp-dba"}


def tool_set(name: str, role: str, **keys) -> dict:
    return {
        "requiredRole": role,
        "sandbox": f"unix:run/{name}.sock",
        "signingKey": {"file": f"run/{name}.key"},
    } | keys
