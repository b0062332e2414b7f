"""Runs the test suites on what is built, and counts.

    dev/run_tests.py [--build DIR] [--list] [SUITE...]        without names: those of `make test`

A suite prints its progress line by line and its failures in full. The last line is
`N passed, N failed, N skipped`; what was skipped is named above it, with the reason. A suite that
ran no test has failed.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# One test program, pytest run or pytest test that takes longer than this hangs, on a machine that
# is busy with other things too.
PROGRAM_SECONDS_MAX = 3600
PYTEST_SECONDS_MAX = 3600
TEST_SECONDS_MAX = 600


@dataclass
class Report:
    """What happened so far. Safe to use from several threads."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skips: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> int:
        return self.passed + len(self.failures) + len(self.skips)

    def add(self, line: str, passed: int, failures: list[str], skips: list[tuple[str, str]],
            details: str = "") -> None:
        """Counts one program's tests and prints its line; `details` only if something failed."""
        with self.lock:
            self.passed += passed
            self.failures += failures
            self.skips += skips
            counts = f"{passed} passed"
            counts += f", {len(failures)} FAILED" if failures else ""
            counts += f", {len(skips)} skipped" if skips else ""
            print(f"{line}  {counts}", flush=True)
            if failures and details:
                print(details, flush=True)


@dataclass
class Suite:
    name: str
    what: str
    run: Callable[["Suite", Path, Report], None]
    folders: tuple[str, ...] = ()
    pytest_options: tuple[str, ...] = ()
    # Left out unless it is named: it needs what `make test` does not install.
    only_if_named: bool = False


def read_junit(path: Path) -> tuple[int, list[str], list[tuple[str, str]]]:
    """The passed, failed and skipped of a JUnit file, as GoogleTest and pytest write it."""
    passed, failures, skips = 0, [], []
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failures.append(name)
        elif skip is not None or case.get("result") in ("skipped", "suppressed"):
            reason = (skip.get("message") if skip is not None else "") or "no reason given"
            skips.append((name, " ".join(reason.split())))
        else:
            passed += 1
    return passed, failures, skips


def run_program(command: list[str]) -> tuple[str, str]:
    """Runs a test program. Returns its output, and how it ended unless that was well."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PROGRAM_SECONDS_MAX)
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace"), f"ran over {PROGRAM_SECONDS_MAX} s"
    output = done.stdout.decode(errors="replace")
    if done.returncode < 0:
        return output, f"died by signal {-done.returncode}"
    return output, f"exit code {done.returncode}" if done.returncode else ""


def run_in_parallel(jobs: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()


def run_unit_tests(suite: Suite, build: Path, report: Report) -> None:
    """Every src/X/ with an x_test.cc has one program build/tests/X_test."""
    folders = sorted({path.parent.name for path in ROOT.glob("src/*/*_test.cc")})

    def run(folder: str) -> None:
        program = build / "tests" / f"{folder}_test"
        line = f"{suite.name}  {program.name:<16}"
        if not program.exists():
            report.add(line, 0, [program.name], [], f"{program} is not built")
            return
        results = build / "test-results" / f"{program.name}.xml"
        results.unlink(missing_ok=True)
        started = time.monotonic()
        output, trouble = run_program([str(program), f"--gtest_output=xml:{results}"])
        passed, failures, skips = read_junit(results) if results.exists() else (0, [], [])
        if trouble and not failures:
            failures = [f"{program.name}: {trouble}"]
        if not passed and not failures and not skips:
            failures = [f"{program.name}: no test in it"]
        report.add(f"{line} {time.monotonic() - started:5.1f} s", passed, failures, skips, output)

    run_in_parallel([lambda folder=folder: run(folder) for folder in folders])


def run_replays(suite: Suite, build: Path, report: Report) -> None:
    """Every tests/fuzz/x_fuzz.cc has inputs in tests/fuzz/corpus/x; each is one test."""
    def run(name: str) -> None:
        program = build / "tests" / f"{name}_fuzz_replay"
        line = f"{suite.name}  {name:<16}"
        if not program.exists():
            report.add(line, 0, [f"{name}: not built"], [], f"{program} is not built")
            return
        output, trouble = run_program([str(program), str(ROOT / "tests/fuzz/corpus" / name)])
        taken = len(re.findall(r"^replay ", output, re.MULTILINE))
        if trouble or not taken:
            report.add(line, max(0, taken - 1), [f"{name}: {trouble or 'no input'}"], [], output)
        else:
            report.add(line, taken, [], [])

    names = sorted(path.stem.removesuffix("_fuzz") for path in ROOT.glob("tests/fuzz/*_fuzz.cc"))
    run_in_parallel([lambda name=name: run(name) for name in names])


def run_schema_suite(suite: Suite, build: Path, report: Report) -> None:
    """The official suite, fetched by tests/schema/fetch.sh, through a program that counts."""
    folder, program = ROOT / "build/schema-suite", build / "tests/schema_suite"
    if not program.exists() or not folder.exists():
        missing = next(path for path in (program, folder) if not path.exists())
        report.add(suite.name, 0, [f"{missing} is not there"], [], "make test makes it")
        return
    output, trouble = run_program([str(program), str(folder)])
    counted = re.search(r"^(\d+) passed, \d+ failed, 0 skipped$", output, re.MULTILINE)
    failures = re.findall(r"^FAIL (.*)$", output, re.MULTILINE)
    if trouble and not failures:
        failures = [f"{program.name}: {trouble}"]
    report.add(suite.name, int(counted[1]) if counted else 0, failures, [], output)


def run_pytest(suite: Suite, build: Path, report: Report) -> None:
    """pytest, its own output as it comes; the counts from its JUnit file."""
    results = build / "test-results" / f"{suite.name}.xml"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-v", "--tb=long", "-p", "no:cacheprovider",
               f"--timeout={TEST_SECONDS_MAX}", f"--junitxml={results}", *suite.pytest_options,
               *[folder for folder in suite.folders if (ROOT / folder).exists()]]
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", MCPGATE_BUILD=str(build))
    try:
        code = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                              timeout=PYTEST_SECONDS_MAX).returncode
        trouble = f"pytest ended with {code}" if code else ""
    except subprocess.TimeoutExpired:
        trouble = f"pytest ran over {PYTEST_SECONDS_MAX} s"
    passed, failures, skips = read_junit(results) if results.exists() else (0, [], [])
    if trouble and not failures:
        failures = [f"{suite.name}: {trouble}"]
    report.add(f"{suite.name}  {' '.join(suite.folders)}", passed, failures, skips)


SUITES = [
    Suite("unit", "the C++ unit tests beside the code", run_unit_tests),
    Suite("fuzz", "the committed inputs of the fuzz targets", run_replays),
    Suite("schema", "the official suite of JSON Schema 2020-12", run_schema_suite),
    Suite("python", "the harness and the tool sets, as plain Python", run_pytest,
          ("harness/tests", "tests/tools"), ("-o", "pythonpath=harness")),
    Suite("dev", "the project's own checks", run_pytest, ("dev",)),
    Suite("e2e", "the real executables through real clients", run_pytest, ("tests/e2e",),
          ("-n", str(min(4, 2 * (os.cpu_count() or 1))))),
    Suite("attacks", "attacks on the sandbox in every set-up, and their controls", run_pytest,
          ("tests/attacks",), ("-n", str(min(4, 2 * (os.cpu_count() or 1))))),
    Suite("keycloak", "access tokens of a real Keycloak", run_pytest, ("tests/keycloak",),
          only_if_named=True),
]


def run_suite(suite: Suite, build: Path) -> Report:
    print(f"\n== {suite.name}: {suite.what}", flush=True)
    report = Report()
    suite.run(suite, build, report)
    if report.total == 0:
        report.failures.append(f"{suite.name}: ran no test")
    return report


def summarize(reports: list[tuple[Suite, Report]]) -> int:
    """Prints what was skipped and what failed, then the closing line. Returns the exit code."""
    print()
    for suite, report in reports:
        names: dict[str, list[str]] = {}
        for name, reason in report.skips:
            names.setdefault(reason, []).append(name)
        for reason, skipped in names.items():
            more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
            print(f"SKIPPED  {suite.name}  {skipped[0]}{more}: {reason}")
    for suite, report in reports:
        for name in report.failures:
            print(f"FAILED   {suite.name}  {name}")
    passed = sum(report.passed for _, report in reports)
    failed = sum(len(report.failures) for _, report in reports)
    skipped = sum(len(report.skips) for _, report in reports)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="[build]")
    parser.add_argument("--list", action="store_true", help="name the suites and end")
    options = parser.parse_args(arguments)
    if options.list:
        for suite in SUITES:
            print(f"{suite.name:<8} {suite.what}")
        return 0
    unknown = set(options.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; --list names them")
    build = options.build.resolve()
    (build / "test-results").mkdir(parents=True, exist_ok=True)
    chosen = [suite for suite in SUITES
              if suite.name in options.suites or not (options.suites or suite.only_if_named)]
    return summarize([(suite, run_suite(suite, build)) for suite in chosen])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
