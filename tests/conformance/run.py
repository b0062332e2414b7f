"""The official conformance suite against `mcpgate up` with the fixture of tests/conformance/tools.

    run.py [--scenario NAME] [--revision REV] [--replicas N]

Two versions of the suite, pinned in package-lock.json, run at each revision that they know, through
a proxy that adds an API key: the gateway authenticates as it does anybody. Then the suite says
itself whether the sets of scenarios that a revision requires are passed. A line for each run, with
what the reference server reaches; what failed, named; the last line counts the checks.

The suite has lists changed by tools that it calls; since no call can change its own tool set, a copy
of the fixture is served, and edited when these calls pass the proxy.

With --replicas the proxy sends each request to any of N gateways that share one sandbox, and
between two scenarios one of them is killed and started again.
"""

import argparse
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from support.balancer import InjectingProxy  # noqa: E402
from support.clients import NODE  # noqa: E402
from support.gateway import Gateway  # noqa: E402
from support.replicas import Replicas  # noqa: E402

TOOLS = ROOT / "tests" / "conformance" / "tools"
PACKAGES = ROOT / "build" / "conformance" / "node_modules"
ROLE = "mcp-conformance"
RUN_SECONDS_MAX = 300


@dataclass(frozen=True)
class Plan:
    """One run of one version of the suite, and what its reference server reaches there."""

    package: str
    revision: str
    checks: int
    scenarios: int


PLANS = (
    Plan("conformance-stable", "2025-06-18", 26, 26),
    Plan("conformance-stable", "2025-11-25", 44, 32),
    Plan("conformance-alpha", "2025-03-26", 3, 1),
    Plan("conformance-alpha", "2025-06-18", 56, 27),
    Plan("conformance-alpha", "2025-11-25", 84, 33),
    Plan("conformance-alpha", "2026-07-28", 152, 40),
)
#: The scenarios of the tasks extension, and their checks. They are of no revision.
TASKS = {
    "tasks-lifecycle": 9,
    "tasks-capability-negotiation": 5,
    "tasks-wire-fields": 4,
    "tasks-request-state-removal": 3,
    "tasks-request-headers": 5,
    "tasks-mrtr-input": 4,
    "tasks-dispatch-and-envelope": 9,
    "tasks-required-task-error": 3,
    "tasks-mrtr-composition": 2,
}
#: Revisions whose required scenarios are frozen in the newer suite.
REQUIRED = ("2025-11-25", "2026-07-28")


@dataclass
class Outcome:
    """What one run showed."""

    counts: Counter = field(default_factory=Counter)
    scenarios: int = 0
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """What is tested; `disturb`, where there is one, comes between two scenarios."""

    url: str
    disturb: Callable[[], None] | None = None


def command(package: str, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(NODE), str(PACKAGES / package / "dist" / "index.js"), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS_MAX,
    )  # fmt: skip


def suite(package: str, target: Target, *words: str) -> subprocess.CompletedProcess:
    done = command(package, "server", "--url", target.url, *words)
    if target.disturb:
        target.disturb()
    return done


def scenarios_of(plan: Plan) -> list[str]:
    listed = command(plan.package, "list", "--server", "--spec-version", plan.revision).stdout
    return re.findall(r"^  - (\S+) \[", listed, re.MULTILINE)


def read_outcome(folder: Path) -> Outcome:
    """Counts the checks of all checks.json below `folder`."""
    outcome = Outcome()
    for path in sorted(folder.rglob("checks.json")):
        outcome.scenarios += 1
        for check in json.loads(path.read_text()):
            outcome.counts[check["status"]] += 1
            if check["status"] in ("FAILURE", "WARNING"):
                name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", path.parent.name)
                why = check.get("errorMessage") or check.get("description", "")
                told = outcome.failures if check["status"] == "FAILURE" else outcome.warnings
                told.append(f"{name}: {check['id']}: {' '.join(why.split())[:200]}")
    return outcome


def run_plan(plan: Plan, target: Target, scenario: str | None) -> Outcome:
    runs = [("--suite", "all")]
    if scenario or target.disturb:
        runs = [("--scenario", name) for name in ([scenario] if scenario else scenarios_of(plan))]
    with tempfile.TemporaryDirectory(prefix="mcpgate-conformance-") as folder:
        for chosen in runs:
            words = (*chosen, "--spec-version", plan.revision, "-o", folder)
            done = suite(plan.package, target, *words)
        outcome = read_outcome(Path(folder))
    if outcome.scenarios == 0:
        outcome.failures.append(f"no scenario ran: {(done.stderr or done.stdout)[-500:].strip()}")
    reached, wanted = (outcome.counts["SUCCESS"], outcome.scenarios), (plan.checks, plan.scenarios)
    if not scenario and (reached[0] < wanted[0] or reached[1] < wanted[1]):
        missing = f"{reached[0]} checks in {reached[1]} scenarios; the reference has %d in %d"
        outcome.failures.append(missing % wanted)
    return outcome


def run_tasks(target: Target) -> Outcome:
    outcome = Outcome()
    for scenario, checks in TASKS.items():
        with tempfile.TemporaryDirectory(prefix="mcpgate-conformance-") as folder:
            suite("conformance-alpha", target, "--scenario", scenario, "-o", folder)
            one = read_outcome(Path(folder))
        outcome.scenarios += one.scenarios
        outcome.counts += one.counts
        outcome.failures += one.failures
        if one.counts["SUCCESS"] != checks:
            outcome.failures.append(f"{scenario}: {one.counts['SUCCESS']} of {checks} checks")
    return outcome


def show(name: str, outcome: Outcome, against: str):
    said = ", ".join(
        f"{outcome.counts[status]} {word}"
        for status, word in (("SUCCESS", "passed"), ("FAILURE", "failed"), ("WARNING", "warned"),
                             ("SKIPPED", "skipped"))
        if outcome.counts[status] or status in ("SUCCESS", "FAILURE")
    )  # fmt: skip
    print(f"{name}  {outcome.scenarios} scenarios, {said}{against}", flush=True)
    for failure in outcome.failures:
        print(f"    FAILED  {failure}", flush=True)
    for warning in outcome.warnings:
        print(f"    warned  {warning}", flush=True)


def run_all(target: Target, scenario: str | None, revision: str | None) -> Outcome:
    total = Outcome()
    for plan in PLANS:
        if revision not in (None, plan.revision):
            continue
        outcome = run_plan(plan, target, scenario)
        show(f"{plan.package:<18} {plan.revision}", outcome,
             f"; reference {plan.checks} in {plan.scenarios}")  # fmt: skip
        total.counts += outcome.counts
        total.failures += outcome.failures
    if not scenario and revision in (None, "2026-07-28"):
        outcome = run_tasks(target)
        show("conformance-alpha  tasks     ", outcome, f"; expected {sum(TASKS.values())}")
        total.counts += outcome.counts
        total.failures += outcome.failures
    for required in REQUIRED if not scenario else ():
        if revision in (None, required):
            done = suite("conformance-alpha", target, "--requirements", required)
            print(f"required of {required}: {'passed' if done.returncode == 0 else 'FAILED'}")
            if done.returncode != 0:
                total.failures.append(f"--requirements {required}")
    return total


class Author:
    """Edits the tool set that is served when the suite asks for it."""

    EDITS = {
        b"test_trigger_tool_change": "from mcpgate import tool\n\n\n@tool\n"
        'def added_tool_{n}() -> str:\n    """Added while it runs."""\n    return "x"\n',
        b"test_trigger_prompt_change": "from mcpgate import prompt\n\n\n@prompt\n"
        'def added_prompt_{n}() -> str:\n    """Added while it runs."""\n    return "x"\n',
    }

    def __init__(self, tools: Path):
        self._numbers = itertools.count(1)
        self._folder = tempfile.TemporaryDirectory(prefix="mcpgate-conformance-")
        self.tools = Path(self._folder.name) / "tools"
        shutil.copytree(tools, self.tools, ignore=shutil.ignore_patterns("__pycache__"))

    def on_body(self, body: bytes):
        for name, source in self.EDITS.items():
            if name in body:
                number = next(self._numbers)
                path = self.tools / "conformance" / f"added_{number}.py"
                path.write_text(source.format(n=number))

    def close(self):
        self._folder.cleanup()


def restarts_in_turn(replicas: Replicas) -> Callable[[], None]:
    turns = itertools.cycle(range(len(replicas.gateways)))

    def restart_next():
        number = next(turns)
        replicas.kill(number)
        replicas.restart(number)

    return restart_next


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenario", help="this one alone")
    parser.add_argument("--revision", help="at this one alone")
    parser.add_argument("--replicas", type=int, default=1, help="gateways behind a load balancer")
    options = parser.parse_args()
    author = Author(TOOLS)
    if options.replicas > 1:
        served = Replicas(author.tools / "conformance", ROLE, options.replicas)
        ports, disturb = served.ports, restarts_in_turn(served)
    else:
        served = Gateway(author.tools).wait_ready()
        ports, disturb = [served.port], None
    try:
        key = served.known_key("conformance", ROLE)
        proxy = InjectingProxy(ports, key, author.on_body)
        target = Target(f"http://localhost:{proxy.port}/mcp", disturb)
        total = run_all(target, options.scenario, options.revision)
        proxy.close()
    finally:
        served.close()
        author.close()
    passed, skipped = total.counts["SUCCESS"], total.counts["SKIPPED"]
    print(f"{passed} passed, {total.counts['FAILURE']} failed, {skipped} skipped")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
