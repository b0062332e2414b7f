"""A PostgreSQL of the tests' own: a cluster in a temporary folder, on a Unix socket there alone."""

import glob
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

# Debian puts each major version into a folder of its own.
PROGRAMS = "/usr/lib/postgresql/*/bin"
SECONDS = 60


class Postgres:
    """A running server; `admin` is its superuser. Nobody gets in without a password."""

    def __init__(self):
        self.bin = Path(sorted(glob.glob(PROGRAMS))[-1])
        # The server refuses to run as root, and Debian's package brings a user for it.
        self.as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="mcpgate-pg-", dir="/tmp"))
        self.data = self.folder / "data"
        self.password = "admin-" + secrets.token_hex(12)
        password_file = self.folder / "password"
        password_file.write_text(self.password + "\n")
        if self.as_owner:
            shutil.chown(self.folder, "postgres")
            shutil.chown(password_file, "postgres")
        self._run(
            self.bin / "initdb", "-D", self.data, "-U", "admin", "-E", "UTF8", "--locale=C.UTF-8",
            "-A", "scram-sha-256", f"--pwfile={password_file}", "--no-sync",
        )  # fmt: skip
        self.start()

    def _run(self, *words):
        done = subprocess.run(
            [*self.as_owner, *map(str, words)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout

    def start(self):
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off"
        self._run(
            self.bin / "pg_ctl", "-D", self.data, "-w", "-o", options,
            "-l", self.folder / "log", "start",
        )  # fmt: skip

    def stop(self):
        self._run(self.bin / "pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, user: str, password: str, database: str = "postgres") -> str:
        return f"host={self.folder} dbname={database} user={user} password={password}"

    def admin(self, sql: str) -> str:
        """Runs statements as the superuser; the rows, fields parted by |."""
        done = subprocess.run(
            [self.bin / "psql", self.conninfo("admin", self.password), "-XqAt", "-v",
             "ON_ERROR_STOP=1", "-c", sql],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
