"""Summary, error summary, sources and the earlier functions, on the generated corpus and by hand."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from log_fixtures import ROOT, Context, LogFolder  # first: it sets the path

import log_files
import log_search
import log_store
import log_summary
import make_log_corpus
from log_formats import Parsed
from log_summary import over_time, template_of

GENERATOR = ROOT / "dev" / "make_log_corpus.py"


def digest(folder: Path) -> dict:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime)
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


class Generated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.corpus = cls.make("corpus", "--bytes", "2Mi")
        cls.ctx = Context({"corpus": cls.corpus})

    @classmethod
    def make(cls, name: str, *options: str) -> Path:
        path = cls.folder / name
        subprocess.run([sys.executable, GENERATOR, path, *options], check=True, capture_output=True)
        return path

    def test_same_seed_same_bytes_and_file_times(self):
        again = self.make("again", "--bytes", "2Mi")
        self.assertEqual(digest(again), digest(self.corpus))
        files = set(digest(self.make("other", "--bytes", "2Mi", "--seed", "2")).values())
        same = files & set(digest(self.corpus).values())
        self.assertEqual([data for data, _ in same], [b""])  # the marker

    def test_folder_of_somebody_else_is_not_touched(self):
        path = self.folder / "mine"
        path.mkdir()
        (path / "thesis.txt").write_text("years of work")
        run = subprocess.run([sys.executable, GENERATOR, path], capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("not touched", run.stderr)
        self.assertEqual((path / "thesis.txt").read_text(), "years of work")

    def test_wrong_options_are_refused(self):
        for option in (["--bytes", "many"], ["--end", "tomorrow"], ["--colour"]):
            run = subprocess.run(
                [sys.executable, GENERATOR, self.folder / "x", *option], capture_output=True
            )
            self.assertEqual(run.returncode, 2)

    def test_summary_counts_what_was_written(self):
        records = 0
        for _, _, part, mean, _ in make_log_corpus.FILES:
            records += max(20, int((2 << 20) * part / mean))
        answer = log_store.log_store(self.ctx, action="summary")
        summary = answer["summary"]
        self.assertEqual(summary["records"], records)
        self.assertEqual(sum(summary["by_level"].values()), records)
        self.assertEqual(sum(row["records"] for row in summary["by_service"]), records)
        self.assertEqual(sum(row["records"] for row in summary["over_time"]), records)
        self.assertFalse(answer["truncated"])
        names = {row["service"] for row in summary["by_service"]}
        self.assertLessEqual({"gateway", "payments", "auth", "worker", "sshd", "diskwatch"}, names)

    def test_incidents_are_visible(self):
        summary = log_store.log_store(self.ctx, action="summary", level="error")["summary"]
        templates = " ".join(row["template"] for row in summary["top_errors"])
        for part in (
            "503 POST /api/v1/payments",
            "SQLTransientConnectionException",
            "export <n> failed",
        ):
            self.assertIn(part, templates)
        peak = max(summary["over_time"], key=lambda row: row["errors"])
        self.assertTrue(peak["start"].startswith("2026-11-20T0"), peak)  # the pool, at 0.78
        records = log_store.log_store(self.ctx, text="203.0.113.66", limit=1000)["records"]
        self.assertGreater(len(records), 50)
        self.assertEqual({row["service"] for row in records}, {"gateway", "auth", "sshd"})

    def test_every_action_answers_in_json(self):
        for arguments in (
            {},
            {"action": "summary"},
            {"action": "tail"},
            {"action": "sources"},
            {"function": "get_error_summary", "service_name": "payments", "hours": 87600},
        ):
            answer = log_store.log_store(self.ctx, **arguments)
            json.dumps(answer, allow_nan=False)
            self.assertLessEqual(set(answer), set(log_store.LogAnswer.__annotations__))
            self.assertIn("message", answer)

    def test_sources_name_format_services_and_times(self):
        rows = {r["source"]: r for r in log_store.log_store(self.ctx, action="sources")["sources"]}
        self.assertEqual(rows["corpus/gateway/access.log"]["format"], "access")
        self.assertEqual(rows["corpus/payments/payments.log.1.gz"]["format"], "iso (gzip)")
        self.assertEqual(rows["corpus/worker/worker.jsonl"]["format"], "json")
        self.assertEqual(rows["corpus/host/syslog"]["format"], "syslog-3164")
        self.assertEqual(rows["corpus/storage/diskwatch.log"]["format"], "syslog-5424")
        self.assertLessEqual(
            {"sshd", "CRON", "systemd"}, set(rows["corpus/host/syslog"]["services"])
        )
        self.assertTrue(rows["corpus/host/syslog"]["last"].startswith("2026-11-20T17:"))


class Earlier(LogFolder):
    """The functions of the tool that was before, by their names, arguments and defaults."""

    def setUp(self):
        super().setUp()
        import time

        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 60))
        self.write("shop.log", f"{now} INFO one\n{now} ERROR two\njava.io.IOException: x\n\tat a\n"
                   f"{now} ERROR TWO again\n2020-01-01 00:00:00 ERROR old\n")  # fmt: skip
        self.write("other.log", f"{now} ERROR two\n")

    def test_search_logs(self):
        texts = self.texts(function="search_logs", service_name="shop", keyword="two")
        self.assertEqual(len(texts), 2)  # upper and lower case alike
        self.assertEqual(len(self.texts(service_name="shop", keyword="two")), 2)  # the default
        texts = self.texts(
            function="search_logs", service_name="shop", keyword="", log_level="ERROR", limit=1
        )
        self.assertEqual(len(texts), 1)

    def test_tail_logs(self):
        texts = self.texts(function="tail_logs", service_name="shop", lines=2)
        self.assertEqual(len(texts), 2)
        self.assertIn("TWO again", texts[-1])

    def test_get_error_summary(self):
        answer = self.call(function="get_error_summary", service_name="shop")
        self.assertEqual(answer["error_summary"], {
            "service": "shop", "time_range_hours": 24, "total_errors": 2,
            "errors_by_type": {"ERROR TWO again": 1, "IOException": 1},
            "most_frequent_error": "ERROR TWO again", "error_rate_per_hour": 0.08,
        })  # fmt: skip
        answer = self.call(function="get_error_summary", service_name="shop", hours=24 * 3650)
        self.assertEqual(answer["error_summary"]["total_errors"], 3)
        self.assertIn(
            "'nope'", self.call(function="get_error_summary", service_name="nope")["message"]
        )


class ManyTemplates(LogFolder):
    def test_frequent_messages_and_errors_survive_a_flood_of_different_ones(self):
        lines = [f"2026-11-20 10:00:00 INFO {chr(97 + n % 26)}x{'y' * (n // 26)}" for n in range(400)]
        self.write("new.log", "\n".join(lines), changed=1795176000.0)
        lines = [f"2026-11-20 10:00:00 {'ERROR broken' if n % 2 else 'INFO fine'} {n}" for n in range(60)]
        self.write("old.log", "\n".join(lines), changed=1795170000.0)
        with mock.patch.object(log_summary, "TEMPLATES_MAX", 50):
            sources, _ = log_files.discover({"logs": self.root})
            query = log_search.Query()
            counts = log_summary.count(query, sources, Context({}), [])
        summary = log_summary.report(counts)
        self.assertEqual(summary["top_errors"][0]["count"], 30)
        self.assertEqual(summary["top_errors"][0]["template"], "ERROR broken <n>")
        self.assertIn(30, [row["count"] for row in summary["top_messages"]])
        self.assertEqual(sum(group.count for group in counts.groups.values()), 460)
        self.assertLessEqual(len(counts.groups), 51)


class Templates(unittest.TestCase):
    def test_what_varies_is_masked(self):
        for message, template in (
            ("user 17 from 10.0.0.1", "user <n> from <ip>"),
            ("job 3b1f8a52-1111-4222-8333-944445555666 took 1.5s", "job <id> took <n>s"),
            ("mail to a.b@example.com", "mail to <email>"),
            ("at 2026-11-20T10:00:00.1Z", "at <time>"),
            ("commit deadbeef01 0xff", "commit <hex> <hex>"),
            ("GET /api/v1/orders/7", "GET /api/v1/orders/<n>"),
            ("facade", "facade"),
        ):
            self.assertEqual(template_of(Parsed(None, 2, None, message)), template)

    def test_request_keeps_its_status_and_loses_its_query(self):
        parsed = Parsed(None, 5, None, "GET /a/12?x=1", "503 ")
        self.assertEqual(template_of(parsed), "503 GET /a/<n>")


class OverTime(unittest.TestCase):
    def test_buckets_hold_everything_and_are_few(self):
        self.assertEqual(over_time({}), (0, []))
        for minutes in (1, 59, 1000, 100000, 10000000):
            table = {minute: [1, 0] for minute in range(0, minutes, max(1, minutes // 500))}
            step, buckets = over_time(table)
            self.assertLessEqual(len(buckets), 48)
            if step < 30 * 86400:
                self.assertEqual(sum(bucket["records"] for bucket in buckets), len(table))


if __name__ == "__main__":
    unittest.main()
