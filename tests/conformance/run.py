"""The official conformance suite against `mcpgate up` with the fixture of tests/conformance/tools.

    run.py [--scenario NAME] [--revision REV]

Two versions of the suite, pinned in package-lock.json, run at each revision that they know, through
a proxy that adds an API key: the gateway authenticates as it does anybody. Then the suite says
itself whether the sets of scenarios that a revision requires are passed. A line for each run, with
what the reference server reaches; what failed, named; the last line counts the checks.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(Path(__file__).parent)]

from inject import InjectingProxy  # noqa: E402
from support.clients import NODE  # noqa: E402
from support.gateway import Gateway  # noqa: E402

TOOLS = ROOT / "tests" / "conformance" / "tools"
PACKAGES = ROOT / "build" / "conformance" / "node_modules"
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
#: Scenarios of the tasks extension that pass, and their checks. They are of no revision.
TASKS = {
    "tasks-lifecycle": 9,
    "tasks-capability-negotiation": 5,
    "tasks-wire-fields": 4,
    "tasks-request-state-removal": 3,
    "tasks-request-headers": 5,
    "tasks-required-task-error": 3,
}
#: Revisions whose required scenarios are frozen in the newer suite.
REQUIRED = ("2025-11-25", "2026-07-28")


@dataclass
class Outcome:
    """What one run showed."""

    counts: Counter = field(default_factory=Counter)
    scenarios: int = 0
    failures: list[str] = field(default_factory=list)


def suite(package: str, url: str, *words: str) -> subprocess.CompletedProcess:
    argv = [str(NODE), str(PACKAGES / package / "dist" / "index.js"), "server", "--url", url]
    return subprocess.run(
        [*argv, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=RUN_SECONDS_MAX,
    )  # fmt: skip


def read_outcome(folder: Path) -> Outcome:
    """Counts the checks of all checks.json below `folder`."""
    outcome = Outcome()
    for path in sorted(folder.rglob("checks.json")):
        outcome.scenarios += 1
        for check in json.loads(path.read_text()):
            outcome.counts[check["status"]] += 1
            if check["status"] == "FAILURE":
                name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", path.parent.name)
                why = check.get("errorMessage") or check.get("description", "")
                outcome.failures.append(f"{name}: {check['id']}: {' '.join(why.split())[:200]}")
    return outcome


def run_plan(plan: Plan, url: str, scenario: str | None) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="mcpgate-conformance-") as folder:
        chosen = ("--scenario", scenario) if scenario else ("--suite", "all")
        done = suite(plan.package, url, *chosen, "--spec-version", plan.revision, "-o", folder)
        outcome = read_outcome(Path(folder))
    if outcome.scenarios == 0:
        outcome.failures.append(f"no scenario ran: {(done.stderr or done.stdout)[-500:].strip()}")
    reached, wanted = (outcome.counts["SUCCESS"], outcome.scenarios), (plan.checks, plan.scenarios)
    if not scenario and (reached[0] < wanted[0] or reached[1] < wanted[1]):
        missing = f"{reached[0]} checks in {reached[1]} scenarios; the reference has %d in %d"
        outcome.failures.append(missing % wanted)
    return outcome


def run_tasks(url: str) -> Outcome:
    outcome = Outcome()
    for scenario, checks in TASKS.items():
        with tempfile.TemporaryDirectory(prefix="mcpgate-conformance-") as folder:
            suite("conformance-alpha", url, "--scenario", scenario, "-o", folder)
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


def run_all(url: str, scenario: str | None, revision: str | None) -> Outcome:
    total = Outcome()
    for plan in PLANS:
        if revision not in (None, plan.revision):
            continue
        outcome = run_plan(plan, url, scenario)
        show(f"{plan.package:<18} {plan.revision}", outcome,
             f"; reference {plan.checks} in {plan.scenarios}")  # fmt: skip
        total.counts += outcome.counts
        total.failures += outcome.failures
    if not scenario and revision in (None, "2026-07-28"):
        outcome = run_tasks(url)
        show("conformance-alpha  tasks     ", outcome, f"; expected {sum(TASKS.values())}")
        total.counts += outcome.counts
        total.failures += outcome.failures
    for required in REQUIRED if not scenario else ():
        if revision in (None, required):
            done = suite("conformance-alpha", url, "--requirements", required)
            print(f"required of {required}: {'passed' if done.returncode == 0 else 'FAILED'}")
            if done.returncode != 0:
                total.failures.append(f"--requirements {required}")
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenario", help="this one alone")
    parser.add_argument("--revision", help="at this one alone")
    options = parser.parse_args()
    gateway = Gateway(TOOLS).wait_ready()
    try:
        key = gateway.known_key("conformance", "mcp-conformance")
        proxy = InjectingProxy(gateway.port, key)
        url = f"http://localhost:{proxy.port}/mcp"
        total = run_all(url, options.scenario, options.revision)
        proxy.close()
    finally:
        gateway.close()
    passed, skipped = total.counts["SUCCESS"], total.counts["SKIPPED"]
    print(f"{passed} passed, {total.counts['FAILURE']} failed, {skipped} skipped")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
