"""The processes that are compared: a canned sandbox, nginx and the gateway in front of it, and a
whole `mcpgate up` for the confined call. Each has a folder of its own below one temporary
directory."""

import base64
import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).resolve().parent
MASKED = ROOT / "tests/e2e/support/masked.py"
BUILD = Path(os.environ.get("MCPGATE_BUILD", ROOT / "build"))
MCPGATE = BUILD / "bin" / "mcpgate"

SERVER_CORE = 1
CLIENT_CORE = 0
READY_SECONDS = 20

RESULT_BYTES = 1_800  # Of text; with what is around it the answer has about 2 KB.
TOOL = "canned_search"
#: Opens the tool set of start_gateway().
ROLE = "mcp-bench"

INPUT_SCHEMA = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "maxLength": 4000},
        "services": {"type": "array", "items": {"type": "string"}, "maxItems": 50},
        "level": {"type": "string", "enum": ["debug", "info", "warning", "error"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "since": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"},
    },
    "required": ["query"],
    "additionalProperties": False,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def manifest(count: int = 1) -> dict:
    """Of a sandbox with so many tools that differ in their names; the first is TOOL."""
    tools = []
    for number in range(count):
        definition = {
            "name": TOOL if number == 0 else f"{TOOL}_{number}",
            "title": "Canned search",
            "description": "Answers the same each time.",
            "inputSchema": INPUT_SCHEMA,
            "annotations": {"readOnlyHint": True},
        }
        digest = "sha256:" + hashlib.sha256(json.dumps(definition).encode()).hexdigest()
        tools.append(definition | {"digest": digest})
    return {
        "toolSet": "canned",
        "description": "A sandbox that does no work.",
        "digest": "sha256:" + hashlib.sha256(json.dumps(tools).encode()).hexdigest(),
        "profile": "strict",
        "instance": secrets.token_hex(16),
        "tools": tools,
        "resources": [],
        "prompts": [],
    }


def execute_answer() -> dict:
    text = ('a line of a log, with "quotes" and a number 42; ' * 60)[:RESULT_BYTES]
    usage = {"cpu_ms": 1, "wall_ms": 2, "peak_rss_bytes": 10_000_000, "output_bytes": RESULT_BYTES}
    result = {"content": [{"type": "text", "text": text}], "isError": False}
    return {"result": result, "usage": usage, "profile": "strict"}


class Started:
    """A process of the measurement; its output in a file of its folder."""

    def __init__(
        self, argv: list, folder: Path, *, core: int | None = None, env: dict | None = None
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "log"
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.started_at = time.monotonic()
        #: From its start until it was ready.
        self.seconds_to_ready = 0.0
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*pin, *map(str, argv)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"]} | (env or {}),
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, ready, what: str, seconds: float = READY_SECONDS):
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{what}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.002)
        self.seconds_to_ready = time.monotonic() - self.started_at

    def stop(self, seconds: float = 30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_canned(
    folder: Path, tools: dict | None = None, answer: bytes | None = None
) -> tuple[Started, int, Path]:
    """With another manifest, or another answer to each POST, where one is given."""
    program = BUILD / "bench" / "canned"
    source = BENCH / "canned.cc"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["clang++-19", *flags, source, "-o", program], check=True)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(tools or manifest()))
    (folder / "answer.json").write_bytes(answer or json.dumps(execute_answer()).encode())
    port, path = free_port(), folder / "canned.sock"
    started = Started(
        [program, port, path, folder / "manifest.json", folder / "answer.json"],
        folder,
        core=CLIENT_CORE,
    )
    started.wait_for(lambda: port_is_open(port), "the canned sandbox does not listen")
    return started, port, path


# As research/stack.md measured it: one worker, no access log, kept connections to the upstream.
NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 16k;
  tcp_nodelay on;
  upstream canned {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://canned;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffers 8 8k;
      proxy_buffer_size 8k;
    }}
  }}
}}
"""


def start_nginx(folder: Path, upstream_port: int) -> tuple[Started, int]:
    folder.mkdir(parents=True)
    port = free_port()
    upstream = f"127.0.0.1:{upstream_port}"
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    # Debian's build reads its modules from a file that the configuration above does not include.
    started = Started(
        ["/usr/sbin/nginx", "-c", folder / "nginx.conf", "-p", folder], folder, core=SERVER_CORE
    )
    started.wait_for(lambda: port_is_open(port), "nginx does not listen")
    return started, port


class Gateway:
    """A gateway with its state in a folder, and an API key for it."""

    def __init__(self, started: Started, port: int, key: str):
        self.started = started
        self.port = port
        self.key = key

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"


def create_key(state: Path, role: str, config: Path | None = None) -> str:
    argv = [MCPGATE, "keys", "create", "--user", "bench@example.com", "--roles", role]
    argv += ["--config", config] if config else []
    env = {"PATH": os.environ["PATH"], "MCPGATE_STATE": str(state)}
    done = subprocess.run(argv, env=env, cwd=state, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start_gateway(
    folder: Path,
    sandbox: str,
    *,
    command: list | None = None,
    core=SERVER_CORE,
    limits: dict | None = None,
    auth: dict | None = None,
) -> Gateway:
    """`mcpgate serve` in front of the canned sandbox, with everything on that is on by default:
    key, decision, argument check, audit (written), signature, metrics. `auth`: beside its keys."""
    folder.mkdir(parents=True)
    port = free_port()
    key_file = folder / "canned.key"
    key_file.touch(mode=0o600)
    key_file.write_text(
        base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=") + "\n"
    )
    config = folder / "mcpgate.yaml"
    document = {
        "state": str(folder),
        "listen": f"127.0.0.1:{port}",
        "admin": {"listen": f"127.0.0.1:{free_port()}"},
        "auth": {"apiKeys": {"directory": "keys"}} | (auth or {}),
        "toolSets": {
            "canned": {
                "requiredRole": ROLE,
                "sandbox": sandbox,
                "signingKey": {"file": str(key_file)},
            }
        },
        "audit": {"directory": "audit", "stdout": False, "durability": "written"},
        "limits": limits or {},
    }
    config.write_text(json.dumps(document))
    key = create_key(folder, ROLE, config)
    started = Started([*(command or [MCPGATE]), "serve", "--config", config], folder, core=core)
    started.wait_for(lambda: ready(port), "the gateway is not ready", 60)
    return Gateway(started, port, key)


def start_up(
    folder: Path, profile: str, ready_children: int = 0, more_sets: tuple[Path, ...] = ()
) -> Gateway:
    """`mcpgate up` with the bench tool set: the real sandbox. For profile pod in a kernel that seems
    to have no user namespaces, since `up` would take the stricter one."""
    shutil.copytree(BENCH / "tools", folder / "tools")
    for tool_set in more_sets:
        shutil.copytree(tool_set, folder / "tools" / tool_set.name)
    with (folder / "tools" / "bench" / "toolset.yaml").open("a") as settings:
        settings.write(f"readyChildren: {ready_children}\n")
    port, admin = free_port(), free_port()
    argv = [MCPGATE, "up", "--tools", folder / "tools", "--port", port, "--admin-port", admin]
    if profile == "pod":
        argv = [sys.executable, MASKED, "userns", "--", *argv]
    key = create_key(folder, "mcp-bench")
    started = Started(argv, folder, env={"MCPGATE_STATE": str(folder)})
    started.wait_for(lambda: ready(port), "mcpgate up is not ready", 60)
    return Gateway(started, port, key)
