"""Runs inside the place of a set-up (a user, a container, throwaway namespaces): starts the victims
and the daemons, says where they are, and answers questions, one JSON line each, until its input
ends. Then it ends the daemons and says what they left behind.

    python3 -I inside.py ROOT CONFIG

CONFIG: {name of a daemon: {"profile", "masked", "landlock", "ready", "stdio"}}: layers that are
masked and may be missing; the version that Landlock seems to have (null: the machine's); children
kept ready; whether the attacks are a stdio server.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import old_landlock  # noqa: E402

VICTIM = r"""
import ctypes, json, os, socket, struct, sys, threading
root = sys.argv[1]
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER_ANY, where Yama asks
if os.geteuid() == 0:  # no more capabilities than the attacker: the kernel spares who has more
    ctypes.CDLL(None).syscall(126, struct.pack("Ii", 0x20080522, 0), bytes(24))
secret = ctypes.create_string_buffer(b"victim-secret")
def take(listener):
    while True:
        listener.accept()[0].close()
def listen(family, address):
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen(64)
    threading.Thread(target=take, args=(listener,), daemon=True).start()
    return listener.getsockname()
def receive(family, address):
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind(address)
    threading.Thread(target=lambda: [receiver.recv(999) for _ in iter(int, 1)], daemon=True).start()
    return receiver.getsockname()
try:
    tcp6_port = listen(socket.AF_INET6, ("::1", 0))[1]
except OSError:
    tcp6_port = 0
print(json.dumps({
    "victim_pid": os.getpid(), "victim_address": ctypes.addressof(secret),
    "tcp_port": listen(socket.AF_INET, ("127.0.0.1", 0))[1],
    "udp_port": receive(socket.AF_INET, ("127.0.0.1", 0))[1],
    "tcp6_port": tcp6_port,
    "unix_socket": listen(socket.AF_UNIX, root + "/victim.sock"),
    "unix_datagram": receive(socket.AF_UNIX, root + "/victim.dgram"),
    "abstract": listen(socket.AF_UNIX, "\0victim-" + root)[1:].decode(),
    "abstract_datagram": receive(socket.AF_UNIX, "\0victim-dgram-" + root)[1:].decode(),
}), flush=True)
threading.Event().wait()
"""

#: System calls whose absence takes a layer away, by their number on x86-64.
LANDLOCK_CREATE_RULESET, SECCOMP = 444, 317
PATIENCE_S = 150
#: For processes to end that were told to.
LEAVE_S = 20


def mask_calls(names: list[str]) -> None:
    """A filter that makes the calls behind those layers answer ENOSYS, as a kernel without them."""
    if not names:
        return
    load, jump_equal, give, allow, enosys = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050026
    number_at, first_at, third_at, set_mode_filter = 0, 16, 32, 1
    program = []
    if "landlock" in names:
        program += [
            (load, 0, 0, number_at),
            (jump_equal, 0, 1, LANDLOCK_CREATE_RULESET),
            (give, 0, 0, enosys),
        ]
    if "seccomp" in names:
        # Installing a filter alone: libseccomp asks by the same call what the kernel knows.
        program += [
            (load, 0, 0, number_at),
            (jump_equal, 0, 5, SECCOMP),
            (load, 0, 0, first_at),
            (jump_equal, 0, 3, set_mode_filter),
            (load, 0, 0, third_at),
            (jump_equal, 1, 0, 0),
            (give, 0, 0, enosys),
        ]
    program.append((give, 0, 0, allow))
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, 2, ctypes.create_string_buffer(header), 0, 0) != 0:  # PR_SET_SECCOMP, FILTER
        raise OSError(ctypes.get_errno(), "install the mask")


def process_tree() -> dict[int, list[int]]:
    """Parent → children of all processes that are visible here."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text() if entry.isdigit() else ""
        except OSError:
            continue
        fields = stat[stat.rfind(")") + 2 :].split()
        if fields and fields[0] not in "ZX":
            children.setdefault(int(fields[1]), []).append(int(entry))
    return children


def below(pid: int) -> list[int]:
    children, found = process_tree(), [pid]
    for each in found:
        found += children.get(each, [])
    return found[1:]


class Place:
    def __init__(self, root: Path, config: dict):
        self.root = root
        self.before = set(below(os.getpid()))
        self._make_files()
        self.victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", VICTIM, str(root)], stdout=subprocess.PIPE
        )
        self.target = json.loads(self.victim.stdout.readline()) | self.paths
        self.daemons = {}
        self.tool_sets = {}
        self.profiles = {name: options["profile"] for name, options in config.items()}
        self.logs = {}
        for name, options in config.items():
            self._start_daemon(name, **options)

    def _make_files(self):
        """What belongs to other users, all of it under the same uid as the attacker's."""
        other = self.root / "other"
        other.mkdir(mode=0o700)
        (other / "folder").mkdir()
        for name in ("secret", "victim"):
            (other / name).write_text("canary of another user\n")
            (other / name).chmod(0o600)
        prefix = self.root / "installed"
        self.paths = {
            "daemon_pid": os.getpid(),
            "root": str(self.root),
            "other": str(other),
            "secret_file": str(other / "secret"),
            "victim_file": str(other / "victim"),
            "victim_folder": str(other / "folder"),
            "key_file": str(self.root / "set.key"),
            "tool_set": str(self.root / "hostile"),
            "harness": str(prefix / "share/mcpgate/harness/mcpgate"),
            "executable": str(prefix / "libexec/mcpgate-zygote"),
        }

    def _tool_set(self, name: str, ready: int, stdio: bool) -> str:
        """The folder of the attacks; a copy of it where its settings are others."""
        if not ready and not stdio:
            return self.paths["tool_set"]
        copy = self.root / f"sets-{name}" / "hostile"
        shutil.copytree(self.paths["tool_set"], copy)
        if stdio:
            shutil.copytree(self.root / "stdio", copy, dirs_exist_ok=True)
            return str(copy)
        settings = copy / "toolset.yaml"
        settings.write_text(
            settings.read_text().replace("readyChildren: 0", f"readyChildren: {ready}")
        )
        return str(copy)

    def _start_daemon(
        self,
        name: str,
        profile: str,
        masked: list[str],
        landlock: int | None,
        ready: int,
        stdio: bool,
    ):
        scratch = self.root / f"scratch-{name}"
        scratch.mkdir(mode=0o700)
        log = open(self.root / f"{name}.log", "wb")
        # A descriptor and a variable of ours that must not come as far as a child.
        smuggled = os.open(self.paths["secret_file"], os.O_RDONLY)
        os.set_inheritable(smuggled, True)
        self.tool_sets[name] = self._tool_set(name, ready, stdio)
        command = [
            str(self.root / "installed/bin/mcpgate-sandbox"),
            *["serve", "--profile", profile, "--tools", self.tool_sets[name]],
            *[word for layer in masked for word in ("--allow-missing", layer)],
            *["--listen", f"unix:{self.root}/{name}.sock", "--key-file", self.paths["key_file"]],
            *["--workspaces", f"{self.root}/workspaces-{name}"],
        ]
        here, there = socket.socketpair()

        def mask():
            # A version of 0 is a kernel without it, and no leave to be without it.
            mask_calls(masked + (["landlock"] if landlock == 0 else []))
            if landlock:
                old_landlock.install(there)

        self.daemons[name] = subprocess.Popen(
            command,
            env={"TMPDIR": str(scratch), "MCPGATE_CANARY": "canary-of-the-daemon"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(smuggled,),
            preexec_fn=mask,
        )
        if landlock:
            old_landlock.answer(here, landlock)
        here.close()
        there.close()
        os.close(smuggled)

    # ---- Questions

    def ready(self, name: str) -> dict:
        """Whether the daemon serves; its target is told when a call of it runs."""
        until = time.monotonic() + PATIENCE_S
        socket_path = self.root / f"{name}.sock"
        while time.monotonic() < until:
            if self.daemons[name].poll() is not None:
                break
            if socket_path.exists():
                return {"serves": True}
            time.sleep(0.02)
        return {"serves": False, "log": self.log(name)}

    def log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text(errors="replace")[-3000:]

    def targets(self, name: str) -> dict:
        """Once the sibling's call runs: who and where everything is."""
        daemon = self.daemons[name].pid
        until = time.monotonic() + PATIENCE_S
        folders, family = [], []
        while time.monotonic() < until:
            folders = [str(p) for p in (self.root / f"scratch-{name}").glob("*/*/sibling-secret")]
            family = below(daemon)
            # Its file is seen from here but where each call has a file system of its own.
            if len(family) >= 2 and (folders or self.profiles[name] == "strict"):
                break
            time.sleep(0.02)
        return self.target | {
            "daemon_pid": daemon,
            "zygote_pid": family[0] if family else daemon,
            "sibling_pid": family[-1] if len(family) > 1 else daemon,
            "sibling_file": folders[0] if folders else self.paths["secret_file"],
            "scratch": str(self.root / f"scratch-{name}"),
            "tool_set": self.tool_sets[name],
        }

    def control(self, file: str, target: dict) -> dict:
        """Runs an attack in a process of its own that nothing confines."""
        folder = self.root / "control"
        folder.mkdir(exist_ok=True)
        smuggled = os.open(self.paths["secret_file"], os.O_RDONLY)
        os.set_inheritable(smuggled, True)
        done = subprocess.run(
            [sys.executable, "-I", str(self.root / "suite/control.py"), file],
            input=json.dumps(target),
            cwd=folder,
            env={"MCPGATE_CANARY": "canary-of-the-daemon"},
            pass_fds=(smuggled,),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            start_new_session=True,
        )
        os.close(smuggled)
        last = done.stdout.strip().splitlines()[-1:] or ["{}"]
        try:
            return json.loads(last[0])
        except ValueError:
            said = (done.stdout + done.stderr)[-500:]
            return {"refused": f"exit {done.returncode}", "text": said}

    def open_files(self, name: str) -> int:
        try:
            return len(os.listdir(f"/proc/{self.daemons[name].pid}/fd"))
        except PermissionError:  # the daemon is not dumpable, and we are not root
            return -1

    def close(self) -> dict:
        """Ends everything. What is left then was left by an attack."""
        left = []
        for name, daemon in self.daemons.items():
            family = below(daemon.pid)
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                left.append(f"daemon {name} did not end")
            until = time.monotonic() + LEAVE_S
            while any(Path(f"/proc/{pid}").exists() for pid in family):
                if time.monotonic() > until:
                    left.append(f"processes of {name}: {family}")
                    break
                time.sleep(0.02)
            scratch = self.root / f"scratch-{name}"
            left += [f"file {path}" for path in scratch.rglob("*")]
            # A workspace stays; beside the workspaces nothing does.
            beside = (self.root / f"workspaces-{name}").glob("hostile/*")
            left += [f"file {p}" for p in beside if not re.fullmatch(".key|[0-9a-f]{64}", p.name)]
        # What one attack leaves there changes how the next one ends.
        other = set(os.listdir(self.paths["other"]))
        left += [f"file {name} of the victim" for name in other ^ {"folder", "secret", "victim"}]
        self.victim.kill()
        self.victim.wait()
        return {"left": left}


def main() -> None:
    place = Place(Path(sys.argv[1]), json.loads(sys.argv[2]))
    print(json.dumps({"target": place.target}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        answer = getattr(place, question["ask"])(*question["arguments"])
        print(json.dumps({"answer": answer}), flush=True)
    print(json.dumps({"answer": place.close()}), flush=True)


if __name__ == "__main__":
    main()
