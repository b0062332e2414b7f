"""Where the attacks run: the set-ups, each with daemons of its own, and how the suite calls them.

A place is a user, a container or throwaway namespaces. Each has a copy of the executables and of
the attacks, owned by the very user that the attacks run as, so that permission bits protect
nothing.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from support import BIN
from support.processes import wait_until
from support.signing import SandboxSocket

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
#: As OpenShift gives them: a high number per namespace, group 0.
CONTAINER_UID = 1_000_680_000
#: Debian's nobody, where root runs the suite.
UNPRIVILEGED_UID = 65534
SECCOMP_PROFILE = Path("/usr/share/containers/seccomp.json")
IS_ROOT = os.geteuid() == 0
#: How long a call of another user runs beside the attacks: longer than they all take together.
SIBLING_S = 3600
NAMESPACES = ["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--ipc", "--uts"]


class Unavailable(Exception):
    """This machine cannot have that set-up; the text says why."""


@dataclass(frozen=True)
class Setup:
    """One row of the matrix: who runs a daemon of which profile, and behind what."""

    name: str
    uid: int
    profile: str
    masked: tuple[str, ...] = ()
    #: The version that Landlock seems to have; nothing: the machine's.
    landlock: int | None = None
    #: Children kept ready ahead of calls.
    ready: int = 0
    #: Whether the attacks are in the process of a stdio server.
    stdio: bool = False
    container: bool = False
    throwaway: bool = False

    @property
    def place(self) -> str:
        kind = "container" if self.container else "throwaway" if self.throwaway else "plain"
        return f"{kind}-{self.uid}" + self.place_of_its_own

    @property
    def place_of_its_own(self) -> str:
        if self.landlock is not None:
            return "-landlock"
        return "-ready" if self.ready else "-stdio" if self.stdio else ""


OWN_UID = os.geteuid()
OTHER_UID = UNPRIVILEGED_UID if IS_ROOT else OWN_UID
SETUPS = [
    *([Setup("root-pod", 0, "pod"), Setup("root-strict", 0, "strict")] if IS_ROOT else []),
    Setup("user-pod", OTHER_UID, "pod"),
    Setup("user-strict", OTHER_UID, "strict"),
    *(Setup(f"landlock-{n}", OWN_UID, "pod", landlock=n) for n in (3, 5)),
    Setup("ready-pod", OTHER_UID, "pod", ready=4),
    Setup("ready-strict", OTHER_UID, "strict", ready=4),
    *([Setup("root-pod-stdio", 0, "pod", stdio=True)] if IS_ROOT else []),
    Setup("user-pod-stdio", OTHER_UID, "pod", stdio=True),
    Setup("user-strict-stdio", OTHER_UID, "strict", stdio=True),
    Setup("container-pod", CONTAINER_UID, "pod", container=True),
]
#: Where a kernel has no Landlock at all: no daemon may serve there.
WITHOUT_LANDLOCK = [Setup(f"landlock-0-{p}", OWN_UID, p, landlock=0) for p in ("pod", "strict")]
#: Where the controls run: the same attacks, minus the layers that refuse them.
CONTROLS = {
    masked: Setup("without-" + "-".join(masked), OWN_UID, "pod", masked=masked, throwaway=True)
    for masked in (("landlock",), ("seccomp",), ("landlock", "seccomp"))
}


class Place:
    """A running inside.py and its daemons."""

    def __init__(self, name: str, setups: list[Setup]):
        self.setups = {setup.name: setup for setup in setups}
        self.uid = setups[0].uid
        if setups[0].container and not IS_ROOT:
            raise Unavailable("root is needed to make a container")
        # A short path: that of a Unix socket has at most 107 bytes.
        self.root = Path(tempfile.mkdtemp(prefix="mcpgate-attacks-", dir="/tmp"))
        self.lock = threading.Lock()
        self._prepare()
        daemons = {
            setup.name: {
                "profile": setup.profile,
                "masked": list(setup.masked),
                "landlock": setup.landlock,
                "ready": setup.ready,
                "stdio": setup.stdio,
            }
            for setup in setups
        }
        self._probe(setups[0])
        inside = [PYTHON, "-I", f"{self.root}/suite/inside.py", str(self.root), json.dumps(daemons)]
        self.process = subprocess.Popen(
            self._command(setups[0], inside),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(self.root / "inside.log", "wb"),
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        first = self.process.stdout.readline()
        assert first, f"{name} does not start: {self._said()}"
        self.target = json.loads(first)["target"]
        self.endpoints: dict[str, Endpoint | str] = {}

    def _prepare(self):
        """The place's own copies, as its user's property."""
        installed = self.root / "installed"
        for part in ("bin/mcpgate-sandbox", "libexec/mcpgate-zygote", "libexec/mcpgate-broker"):
            (installed / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BIN.parent / part, installed / part)
        ignored = shutil.ignore_patterns("__pycache__")
        harness = "share/mcpgate/harness"
        shutil.copytree(BIN.parent / harness, installed / harness, ignore=ignored)
        shutil.copytree(HERE / "hostile", self.root / "hostile", ignore=ignored)
        shutil.copytree(HERE / "stdio", self.root / "stdio", ignore=ignored)
        (self.root / "suite").mkdir()
        for script in ("inside.py", "control.py", "old_landlock.py"):
            shutil.copy(HERE / script, self.root / "suite" / script)
        key = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        (self.root / "set.key").touch(mode=0o600)
        (self.root / "set.key").write_text(key + "\n")
        if self.uid != OWN_UID:
            gid = 0 if self.uid == CONTAINER_UID else self.uid
            for folder, _, files in os.walk(self.root):
                for path in [folder, *(os.path.join(folder, file) for file in files)]:
                    os.chown(path, self.uid, gid)

    def _probe(self, setup: Setup):
        """Whether such a place can be had here at all. What fails after this is a failure."""
        if not setup.container and not setup.throwaway:
            return
        try:
            done = subprocess.run(
                self._command(setup, ["/usr/bin/true"]), capture_output=True, text=True, timeout=150
            )
        except (OSError, Unavailable, subprocess.TimeoutExpired) as error:
            self._remove()
            raise Unavailable(str(error)) from None
        if done.returncode != 0:
            self._remove()
            raise Unavailable((done.stderr.strip().splitlines() or ["no reason given"])[-1])

    def _remove(self):
        # Not by Python, which recurses: an attack makes deeper folders than that, another closes them.
        subprocess.run(["chmod", "-R", "u+rwX", self.root], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.root], check=False)

    def _said(self) -> str:
        return (self.root / "inside.log").read_text(errors="replace")[-3000:]

    def _command(self, setup: Setup, inside: list[str]) -> list[str]:
        if setup.container:
            return self._container(inside)
        if setup.throwaway:
            user = [] if IS_ROOT else ["--user", "--map-root-user"]
            return ["unshare", *user, *NAMESPACES, *inside]
        if setup.uid != OWN_UID:
            identity = [f"--reuid={setup.uid}", f"--regid={setup.uid}", "--clear-groups"]
            return ["setpriv", *identity, *inside]
        return inside

    def _container(self, inside: list[str]) -> list[str]:
        """runc with what restricted-v2 demands of a pod."""
        if shutil.which("runc") is None:
            raise Unavailable("runc is not installed (dev/setup.sh container)")
        bundle = self.root / "bundle"
        if not bundle.exists():
            (bundle / "rootfs").mkdir(parents=True)
            for link in ("bin", "sbin", "lib", "lib64"):
                (bundle / "rootfs" / link).symlink_to(f"usr/{link}")
        config = container_config(self.root, inside)
        (bundle / "config.json").write_text(json.dumps(config))
        state = str(self.root / "runc")
        return ["runc", "--root", state, "run", "--bundle", str(bundle), self.root.name]

    # ---- Questions and calls

    def ask(self, question: str, *arguments):
        with self.lock:
            self.process.stdin.write(json.dumps({"ask": question, "arguments": arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"inside.py died: {self._said()}")
        return json.loads(line)["answer"]

    def endpoint(self, setup: Setup) -> "Endpoint":
        """The daemon of a set-up; Unavailable where it refuses to serve."""
        if setup.name not in self.endpoints:
            ready = self.ask("ready", setup.name)
            self.endpoints[setup.name] = Endpoint(self, setup) if ready["serves"] else ready["log"]
        found = self.endpoints[setup.name]
        if isinstance(found, Endpoint):
            return found
        # Namespaces are not to be had everywhere; everything else is.
        assert setup.profile == "strict", found
        raise Unavailable(found.strip().splitlines()[-1] if found else "the daemon said nothing")

    def control(self, attack: str) -> str:
        """How the attack ends in a process that nothing confines."""
        file = f"{self.root}/hostile/{attack}.py"
        return ending(self.ask("control", file, self.target))

    def close(self) -> list[str]:
        """What the attacks have left behind."""
        for endpoint in self.endpoints.values():
            if isinstance(endpoint, Endpoint):
                endpoint.end_sibling()
        self.process.stdin.close()
        last = self.process.stdout.readline()
        self.process.wait(150)
        left = json.loads(last)["answer"]["left"] if last else ["inside.py died"]
        self._remove()
        return left


class Endpoint:
    """One daemon, called as the gateway does, and a call of another user that runs meanwhile."""

    def __init__(self, place: Place, setup: Setup):
        self.place = place
        self.setup = setup
        self.socket = SandboxSocket(place.root / f"{setup.name}.sock", place.root / "set.key", SIBLING_S + 60)
        # Many daemons start at once: one that lacked something tries again.
        wait_until(lambda: self.socket.get("/tools")[0] == 200, f"{setup.name} serves")
        manifest = self.socket.manifest()
        self.instance = manifest["instance"]
        self.digests = {entry["name"]: entry["digest"] for entry in manifest["tools"]}
        self.capabilities = json.loads(self.socket.get("/capabilities")[1])
        self.sibling_id = secrets.token_hex(16)
        self.sibling = threading.Thread(target=self._run_sibling, daemon=True)
        self.sibling.start()
        self.target = place.ask("targets", setup.name)

    def call(self, tool: str, user: str, target: dict, deadline_s: float, call_id: str = ""):
        """The answer of a call: `{"result", "usage", "profile"}`."""
        call_id = call_id or secrets.token_hex(16)
        call = {
            "id": call_id,
            "user": user,
            "iss": "mcpgate:keys",
            "sub": user,
            "deadline_ms": int(deadline_s * 1000),
            "tool_sha256": self.digests[tool],
        }
        body = json.dumps({"tool": tool, "arguments": {"target": target}, "call": call}).encode()
        headers = {"Content-Type": "application/json"}
        headers |= self.socket.sign(
            "POST", "/execute", body, call_id=call_id, instance=self.instance
        )
        status, answer = self.socket.send("POST", "/execute", headers, body)
        if status != 200:
            raise AssertionError(f"{tool}: {status} {answer[:500]!r}\n{self.log()}")
        return json.loads(answer)

    def log(self) -> str:
        return self.place.ask("log", self.setup.name)

    def _run_sibling(self):
        try:
            self.call("sibling", "bob", {}, SIBLING_S, self.sibling_id)
        except (OSError, AssertionError):
            pass  # cancelled at the end

    def end_sibling(self):
        path = f"/execute/{self.sibling_id}"
        headers = self.socket.sign("DELETE", path, b"", call_id="", instance=self.instance)
        self.socket.send("DELETE", path, headers)
        self.sibling.join(10)


def ending(answer: dict) -> str:
    """One line for how an attack ended: `worked: …`, or what refused it."""
    if "worked" in answer:
        return f"worked: {answer['worked']}"
    return answer.get("refused", str(answer)) + (f": {answer['text']}" if "text" in answer else "")


def ending_of_call(answer: dict) -> str:
    """The same of a daemon's answer; what the sandbox ended is named by its reason."""
    result = answer["result"]
    reason = result.get("_meta", {}).get("io.mcpgate/reason")
    text = " ".join(block.get("text", "") for block in result["content"])
    if reason:
        return f"{reason}: {text}"
    if result.get("isError") or "structuredContent" not in result:
        return f"tool error: {text}"
    return ending(result["structuredContent"])


# ---- The container


def container_config(root: Path, inside: list[str]) -> dict:
    """An OCI configuration with what restricted-v2 makes of a pod: an arbitrary uid of group 0, no
    capability, no new privileges, a read-only root, the runtime's default seccomp profile."""
    device_options = ["nosuid", "mode=755"]
    bind = {"type": "bind", "options": ["rbind", "ro", "nosuid", "nodev"]}
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": device_options},
        *({"destination": path, "source": path} | bind for path in ("/usr", "/etc")),
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=64m"]},
        {"destination": str(root), "source": str(root), "type": "bind", "options": ["rbind", "rw"]},
    ]
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": True},
        "process": {
            "terminal": False,
            "user": {"uid": CONTAINER_UID, "gid": 0},
            "args": inside,
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": str(root),
            "noNewPrivileges": True,
            "capabilities": {},
            "rlimits": [],
        },
        "hostname": "mcpgate-attacks",
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "resources": {"pids": {"limit": 200}, "memory": {"limit": 1 << 30}},
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
            "seccomp": runtime_default_seccomp(),
        },
    }


#: Taken out of the runtime's list, as CRI-O does where CAP_SYS_ADMIN is missing.
NOT_FOR_PODS = frozenset(
    "unshare mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount "
    "fspick pivot_root setns clone clone3".split()
)
CLONE_NAMESPACES = 0x7E020000


def runtime_default_seccomp() -> dict:
    """The containers project's default profile for a process without capabilities, with CRI-O's
    edits: no namespaces by any way, clone3 unknown."""
    if not SECCOMP_PROFILE.exists():
        raise Unavailable(f"{SECCOMP_PROFILE} is missing (dev/setup.sh container)")
    profile = json.loads(SECCOMP_PROFILE.read_text())
    rules = [
        {
            "names": ["clone"],
            "action": "SCMP_ACT_ALLOW",
            "args": [
                {"index": 0, "value": CLONE_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
            ],
        }
    ]
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        if includes.get("caps") or includes.get("arches") or excludes.get("arches"):
            continue
        names = [name for name in rule["names"] if name not in NOT_FOR_PODS]
        if not names:
            continue
        kept = {"names": names, "action": rule["action"]}
        if rule.get("args"):
            kept["args"] = rule["args"]
        if rule.get("errnoRet") is not None:
            kept["errnoRet"] = rule["errnoRet"]
        rules.append(kept)
    rules.append({"names": ["arch_prctl", "modify_ldt"], "action": "SCMP_ACT_ALLOW"})
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": rules,
    }
