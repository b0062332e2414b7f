"""The runner counts what happened, whatever a suite does."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import run_tests

GTEST = """<testsuites><testsuite name="A">
<testcase name="Holds" classname="A" status="run" result="completed"/>
<testcase name="Breaks" classname="A" status="run"><failure message="1 != 2"/></testcase>
<testcase name="Waits" classname="A" result="skipped"><skipped message="no&#10; Landlock"/></testcase>
</testsuite></testsuites>"""


def test_a_junit_file_is_counted(tmp_path):
    (tmp_path / "a.xml").write_text(GTEST)
    assert run_tests.read_junit(tmp_path / "a.xml") == (1, ["A.Breaks"],
                                                       [("A.Waits", "no Landlock")])


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


@pytest.fixture
def unit(tmp_path, monkeypatch):
    """Runs the unit suite with one program that is `script`."""
    def run(script: str | None) -> run_tests.Report:
        monkeypatch.setattr(run_tests, "ROOT", tmp_path)
        (tmp_path / "src/base").mkdir(parents=True)
        (tmp_path / "src/base/a_test.cc").touch()
        (tmp_path / "build/test-results").mkdir(parents=True)
        if script is not None:
            program(tmp_path / "build/tests/base_test", script)
        suite = next(suite for suite in run_tests.SUITES if suite.name == "unit")
        return run_tests.run_suite(suite, tmp_path / "build")
    return run


def test_passes_failures_and_skips_are_told_apart(unit):
    report = unit(f"cat > ${{1#--gtest_output=xml:}} <<'E'\n{GTEST}\nE\nexit 1\n")
    assert (report.passed, report.failures, len(report.skips)) == (1, ["A.Breaks"], 1)


@pytest.mark.parametrize(("script", "failure"), [
    ("kill -SEGV $$\n", "base_test: died by signal 11"),
    ("exit 3\n", "base_test: exit code 3"),
    ("exit 0\n", "base_test: no test in it"),
    (None, "base_test"),
])
def test_a_program_that_does_not_report_has_failed(unit, script, failure):
    assert unit(script).failures == [failure]


def test_a_suite_without_tests_has_failed(tmp_path):
    empty = run_tests.Suite("empty", "nothing", lambda suite, build, report: None)
    assert run_tests.run_suite(empty, tmp_path).failures == ["empty: ran no test"]


def test_the_closing_line_and_the_exit_code(capsys):
    suite = run_tests.SUITES[0]
    good = run_tests.Report(passed=2, skips=[("x", "no Docker"), ("y", "no Docker")])
    assert run_tests.summarize([(suite, good)]) == 0
    out = capsys.readouterr().out
    assert "SKIPPED  unit  x and 1 more: no Docker" in out
    assert out.endswith("2 passed, 0 failed, 2 skipped\n")
    assert run_tests.summarize([(suite, run_tests.Report(passed=1, failures=["y"]))]) == 1
    assert run_tests.summarize([(suite, run_tests.Report())]) == 1
