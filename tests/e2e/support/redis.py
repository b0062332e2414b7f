"""A Redis of the tests' own: a server in a temporary folder, which keeps nothing."""

import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from support.processes import free_port, wait_until


class Redis:
    """A running server on loopback. Its default user has a password, and so has `mcpgate`, who may
    do no more than the reference asks for; `certificates`: under TLS alone."""

    def __init__(self, certificates=None):
        self.folder = Path(tempfile.mkdtemp(prefix="mcpgate-redis-", dir="/tmp"))
        self.port = free_port()
        self.password = "sesame-" + secrets.token_hex(12)
        self.password_file = self.folder / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(self.password + "\n")
        lines = ["bind 127.0.0.1", f"requirepass {self.password}", 'save ""', f"dir {self.folder}"]
        lines += [f"user mcpgate on >{self.password} ~mcpgate:* +set +incrby +select"]
        if certificates is None:
            lines += [f"port {self.port}"]
        else:
            lines += ["port 0", f"tls-port {self.port}", "tls-auth-clients no"]
            lines += [f"tls-cert-file {certificates.server}"]
            lines += [f"tls-key-file {certificates.server_key}"]
            lines += [f"tls-ca-cert-file {certificates.ca}"]
        self.settings = self.folder / "redis.conf"
        self.settings.touch(mode=0o600)
        self.settings.write_text("\n".join(lines) + "\n")
        self.process = None
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def config(self, **more) -> dict:
        """What a gateway's `rateStore.redis` says of it."""
        return {"address": self.address, "passwordFile": str(self.password_file)} | more

    def start(self):
        assert self.process is None
        self.process = subprocess.Popen(
            ["redis-server", self.settings],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens, "Redis listens")

    def _listens(self) -> bool:
        assert self.process.poll() is None, "redis-server has ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except OSError:
            return False
        return True

    def stop(self):
        process, self.process = self.process, None
        process.terminate()
        process.wait(60)

    def ask(self, *words: str) -> str:
        """What a server without TLS answers to a command: one line, or many of KEYS."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            for command in (("AUTH", self.password), words, ("QUIT",)):
                text = "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
                connection.sendall(f"*{len(command)}\r\n{text}".encode())
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
        return answer.decode().removeprefix("+OK\r\n").removesuffix("+OK\r\n")

    def close(self):
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
