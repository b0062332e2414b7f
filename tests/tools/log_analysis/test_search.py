"""Search, pages, cursors, tail: exactness against a plain reading, and hostile files."""

import base64
import gzip
import json
import os
import random
import re
import time
import unittest
import zlib
from unittest import mock

from log_fixtures import Context, LogFolder  # first: it sets the path

import log_files
import log_search
import log_store
from log_search import QueryError, required_literal

JAVA = """2026-11-20 10:00:00,000 INFO [main] c.e.A - start
2026-11-20 10:00:01,000 ERROR [main] c.e.A - boom
java.lang.IllegalStateException: no
\tat c.e.A.run(A.java:1)
Caused by: java.io.IOException: pipe
\t... 3 more

2026-11-20 10:00:02,000 WARN [main] c.e.A - after
"""


def plain_records(text: str) -> list[str]:
    """The records of a file of ISO-time lines, read the simple way."""
    records: list[str] = []
    for line in text.splitlines(keepends=True):
        if re.match(r"\d{4}-\d\d-\d\d \d\d:", line) or not records:
            records.append(line)
        else:
            records[-1] += line
    return [record.rstrip("\r\n") for record in records]


def random_log(seed: int, count: int) -> str:
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        second = f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
        level = rng.choice(["INFO", "WARN", "ERROR"])
        lines.append(
            f"2026-11-19 {second} {level} n={number} " + rng.choice(["red", "green", "blue"])
        )
        for _ in range(rng.choice([0, 0, 0, 1, 2, 5])):
            lines.append(
                rng.choice(["\tat x.red(Y)", "Caused by: green", "", "  indented blue", "é" * 40])
            )
    return "\n".join(lines) + rng.choice(["", "\n"])


class Search(LogFolder):
    def test_text_is_found_with_its_whole_stack_trace(self):
        self.write("app/app.log", JAVA)
        for part in ("boom", "IllegalStateException", "Caused by", "3 more"):
            records = self.call(text=part)["records"]
            self.assertEqual(len(records), 1, part)
            self.assertEqual(records[0]["text"].count("\n"), 4)
            self.assertEqual(records[0]["level"], "error")
            self.assertEqual(records[0]["time"], "2026-11-20T10:00:01Z")
            self.assertEqual(records[0]["service"], "app")

    def test_python_traceback_stays_with_its_record(self):
        self.write("a.log", "2026-11-20 10:00:00,1 - x - ERROR - bad\nTraceback (most recent call "
                   'last):\n  File "x.py", line 1\nValueError: no\n2026-11-20 10:00:01,1 - x - INFO '
                   "- ok\n")  # fmt: skip
        self.assertTrue(self.texts(text="ValueError")[0].startswith("2026-11-20 10:00:00,1"))

    def test_every_filter_and_their_sum(self):
        self.write("app.log", JAVA)
        self.assertEqual(len(self.texts()), 3)
        self.assertEqual(len(self.texts(level="warning")), 2)
        self.assertEqual(len(self.texts(level="error")), 1)
        self.assertEqual(len(self.texts(log_level="Warn")), 2)
        self.assertEqual(len(self.texts(since="2026-11-20T10:00:01Z")), 2)
        self.assertEqual(len(self.texts(until="2026-11-20T10:00:01Z")), 2)
        self.assertEqual(
            len(self.texts(since="2026-11-20T11:00:01+01:00", until="2026-11-20T10:00:01Z")), 1
        )
        self.assertEqual(len(self.texts(text="A - ", level="warning", service="app")), 2)
        self.assertEqual(len(self.texts(text="a - ")), 0)
        self.assertEqual(len(self.texts(text="a - ", ignore_case=True)), 3)
        self.assertEqual(len(self.texts(regex=r"boom|after")), 2)
        self.assertEqual(len(self.texts(regex=r"^\tat .*\)$")), 1)
        self.assertEqual(len(self.texts(regex=r"BOOM", ignore_case=True)), 1)

    def test_age_is_counted_from_now(self):
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        old = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 3 * 3600))
        self.write("a.log", f"{old} INFO old\n{now} INFO new\n")
        self.assertEqual([text[-3:] for text in self.texts(since="2h")], ["new"])
        self.assertEqual([text[-3:] for text in self.texts(until="2h")], ["old"])

    def test_utc_offset_moves_times_without_zone(self):
        self.write("app.log", JAVA)
        self.assertEqual(
            self.call(limit=1, utc_offset="+02:00")["records"][0]["time"], "2026-11-20T08:00:00Z"
        )

    def test_service_is_a_program_a_field_a_file_or_a_folder(self):
        self.write(
            "syslog", "Nov 20 10:00:00 h sshd[1]: a\nNov 20 10:00:00 h CRON[2]: sshd said b\n"
        )
        self.write("w.jsonl", '{"service":"mail","msg":"c"}\n{"service":"web","msg":"mail d"}\n')
        self.write(
            "shop/access.log", '1.2.3.4 - - [20/Nov/2026:10:00:00 +0000] "GET /e HTTP/1.1" 200 1\n'
        )
        for service, part in (("sshd", "]: a"), ("cron", "]: sshd"), ("mail", '"c"'), ("WEB", "mail d"),
                              ("shop", "/e"), ("logs/shop/access.log", "/e")):  # fmt: skip
            texts = self.texts(service=service)
            self.assertEqual(len(texts), 1, service)
            self.assertIn(part, texts[0])

    def test_unknown_service_gets_a_list_of_those_there_are(self):
        self.write("syslog", "Nov 20 10:00:00 h sshd[1]: a\n")
        self.write(
            "shop/access.log", '1.2.3.4 - - [20/Nov/2026:10:00:00 +0000] "GET /e HTTP/1.1" 200 1\n'
        )
        for action in ("search", "tail", "summary"):
            message = self.call(action=action, service="nope")["message"]
            self.assertIn("'nope'", message)
            self.assertIn("shop, sshd", message)

    def test_nothing_found_says_which_times_there_are(self):
        self.write("app.log", JAVA)
        message = self.call(text="no such text")["message"]
        self.assertIn("between 2026-11-20T10:00:00Z and 2026-11-20T10:00:02Z", message)

    def test_rotated_files_come_oldest_first(self):
        for name in (
            "a.log",
            "a.log.1",
            "a.log.2.gz",
            "a.log.10.gz",
            "b.log-20261101.gz",
            "b.log-20261102",
            "b.log",
        ):
            self.write(name, f"2026-11-20 10:00:00 INFO in {name}\n")
        self.assertEqual([text.split()[-1] for text in self.texts()],
                         ["a.log.10.gz", "a.log.2.gz", "a.log.1", "a.log", "b.log-20261101.gz",
                          "b.log-20261102", "b.log"])  # fmt: skip
        self.assertEqual(len(self.texts(service="a")), 4)
        self.assertEqual(len(self.texts(service="b")), 3)

    def test_search_agrees_with_a_plain_reading(self):
        """Small windows, so that every boundary case occurs."""
        for seed in range(5):
            text = random_log(seed, 400)
            records = plain_records(text)
            self.write("x.log", text)
            self.write("x.log.1.gz", text)
            with mock.patch.object(
                log_files, "WINDOW_BYTES", random.Random(seed).randrange(700, 3000)
            ):
                for needle in ("red", "green", "Caused by", "n=7", "\tat", "é"):
                    expected = [r for r in records if needle in r]
                    self.assertEqual(
                        self.pages(1000, text=needle, service="x"), self._rows(expected)
                    )
                    found = [r["text"] for r in self.pages(1000, regex=needle.replace("e", "[e]"))]
                    self.assertEqual(found, expected * 2)

    def _rows(self, expected):
        class Same(list):
            def __eq__(self, other):
                return [row["text"] for row in other] == expected * 2

        return Same()

    def test_pages_are_the_whole_without_doubles(self):
        for seed in range(3):
            text = random_log(seed, 300)
            self.write("x.log", text)
            self.write("x.log.1.gz", random_log(seed + 50, 200))
            with mock.patch.object(log_files, "WINDOW_BYTES", 1500):
                for arguments in ({}, {"text": "red"}, {"regex": "gr[e]en"}, {"level": "warning"}):
                    whole = self.call(limit=1000, **arguments)["records"]
                    for limit in (5, 64):
                        self.assertEqual(self.pages(limit, **arguments), whole)
                    places = [(row["source"], row["offset"]) for row in whole]
                    self.assertEqual(len(set(places)), len(places))

    def test_records_that_grow_too_long_are_cut_the_same_from_everywhere(self):
        lines = ["2026-11-20 10:00:00 ERROR head"] + [f"\tcont {n}" for n in range(3000)]
        self.write("x.log", "\n".join(lines) + "\n")
        whole = self.call(limit=1000)["records"]
        self.assertEqual(whole[0]["text"][:30], lines[0])
        self.assertEqual(self.texts(text="cont 2500"), ["\tcont 2500"])
        self.assertEqual(self.texts(text="cont 998")[0][:30], lines[0])
        self.assertEqual(self.texts(text="cont 999"), ["\tcont 999"])
        self.assertEqual(len(self.pages(500)), 1 + 3000 - 999)

    def test_time_range_in_a_large_file_skips_and_stays_exact(self):
        lines = [
            f"2026-11-20 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02} INFO n={n}"
            for n in range(20000)
        ]
        rising = sorted(lines, key=lambda line: line[:19])
        shuffled = random.Random(1).sample(lines, len(lines))
        span = {"since": "2026-11-20T04:10Z", "until": "2026-11-20T04:12Z"}
        with (
            mock.patch.object(log_files, "PROBE_FILE_BYTES_MIN", 1 << 16),
            mock.patch.object(log_files, "WINDOW_BYTES", 80 << 10),
        ):
            for text in (rising, shuffled):
                self.write("x.log", "\n".join(text))
                expected = [
                    x for x in text if "2026-11-20 04:10" <= x[:19] <= "2026-11-20 04:12:00"
                ]
                self.assertEqual(len(expected), 121)
                self.assertEqual([r["text"] for r in self.pages(1000, **span)], expected)
            source = log_files.discover({"logs": self.root})[0][0]
            self.write("x.log", "\n".join(rising))
            begin, end = log_files.time_window(source, 1795147800.0, 1795147920.0)
            self.assertLess(end - begin, source.size // 4)
            self.assertGreater(begin, 0)


class Cursors(LogFolder):
    def setUp(self):
        super().setUp()
        self.path = self.write("x.log", random_log(1, 100))
        self.cursor = self.call(limit=5)["next_cursor"]

    def test_wrong_cursors_are_refused(self):
        body = base64.urlsafe_b64decode(self.cursor + "==")

        def signed(value):
            data = json.dumps(value).encode()
            return base64.urlsafe_b64encode(zlib.crc32(data).to_bytes(4, "big") + data).decode()

        digest, inode, _, _, _ = json.loads(body[4:])
        for cursor in ("x", "!", "", "é", "A" * 2000, self.cursor[:-4], self.cursor[1:], signed([]),
                       signed({}), signed(None), signed([digest, inode, -1, None, None]),
                       signed([digest, inode, 1.5, None, None]), signed([digest, inode, True, None, None]),
                       signed([digest, inode, 10**30, None, None]), signed([digest, inode, 0, "x", None]),
                       signed([digest, "0-0", 0, None, None]), signed([digest, inode, 10**9, None, None]),
                       base64.urlsafe_b64encode(b"\0\0\0\0").decode()):  # fmt: skip
            if cursor == "":
                continue  # no cursor
            with self.subTest(cursor=cursor[:40]), self.assertRaisesRegex(QueryError, "cursor"):
                self.call(limit=5, cursor=cursor)

    def test_cursor_of_another_search_is_refused(self):
        with self.assertRaisesRegex(QueryError, "another search"):
            self.call(limit=5, text="red", cursor=self.cursor)

    def test_cursor_survives_rotation_and_growth(self):
        expected = self.pages(1000)
        self.path.rename(self.root / "x.log.1")
        self.write("x.log", "2026-11-20 11:00:00 INFO fresh\n")
        rest = self.call(limit=1000, cursor=self.cursor)["records"]
        self.assertEqual(
            [r["text"] for r in rest],
            [r["text"] for r in expected[5:]] + ["2026-11-20 11:00:00 INFO fresh"],
        )

    def test_relative_range_of_the_first_page_holds_for_the_next(self):
        now = time.time()
        stamp = lambda age: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now - age))  # noqa: E731
        self.write("x.log", "".join(f"{stamp(7199 - n)} INFO {n}\n" for n in range(20)))
        with mock.patch.object(log_store.time, "time", lambda: now):
            first = self.call(since="2h", limit=5)
        with mock.patch.object(log_store.time, "time", lambda: now + 3600):
            rest = self.call(since="2h", limit=1000, cursor=first["next_cursor"])
        self.assertEqual(len(first["records"]) + len(rest["records"]), 20)

    def test_scan_that_runs_out_of_time_goes_on_with_its_cursor(self):
        self.write("x.log", random_log(3, 3000))
        whole = self.pages(1000, text="red")
        with (
            mock.patch.object(log_search, "SCAN_SECONDS", 0.0),
            mock.patch.object(log_search, "RECORDS_PER_TICK", 50),
        ):
            page = self.call(text="red", limit=1000)
            self.assertTrue(page["truncated"])
            self.assertIn("time is up", page["notes"][0])
            self.assertEqual(self.pages(1000, text="red"), whole)


class Tail(LogFolder):
    def test_newest_records_over_files_and_rotations(self):
        self.write("a.log.1.gz", "2026-11-20 09:00:00 INFO a1\n2026-11-20 09:30:00 INFO a2\n")
        self.write("a.log", "2026-11-20 10:00:00 INFO a3\n\ttrace\n2026-11-20 12:00:00 INFO a4\n")
        self.write("b.log", "2026-11-20 11:00:00 INFO b1\n")

        def last(**k):
            return [t.split()[3] for t in self.texts(action="tail", **k)]

        self.assertEqual(last(lines=3), ["a3", "b1", "a4"])
        self.assertEqual(last(lines=3, service="a"), ["a2", "a3", "a4"])
        self.assertEqual(last(lines=50), ["a1", "a2", "a3", "b1", "a4"])
        self.assertEqual(last(lines=1, until="2026-11-20T11:30Z"), ["b1"])

    def test_tail_of_a_large_file_agrees_with_its_end(self):
        text = random_log(5, 20000)
        records = plain_records(text)
        self.write("x.log", text)
        self.assertEqual(self.texts(action="tail", lines=100), records[-100:])
        errors = [r for r in records if " ERROR " in r.split("\n")[0]]
        self.assertEqual(self.texts(action="tail", lines=77, level="error"), errors[-77:])
        rare = [r for r in records if "n=77 " in r]
        self.assertEqual(self.texts(action="tail", text="n=77 "), rare)


class HostileFiles(LogFolder):
    def test_left_out_files_are_reported_and_never_fatal(self):
        self.write("good.log", "2026-11-20 10:00:00 INFO x\n")
        self.write("wtmp", b"abc")
        self.write("system.journal", b"LPKSHHRH")
        self.write("old.log.xz", b"\xfd7zXZ")
        self.write("binary.log", b"ab\0cd")
        self.write("bad.log.gz", b"\x1f\x8b but not gzip")
        secret = self.outside / "secret.log"
        secret.write_text("2026-11-20 10:00:00 INFO secret\n")
        (self.root / "link.log").symlink_to(secret)
        (self.root / "folder").symlink_to(self.outside)
        (self.root / "dangling").symlink_to("nowhere")
        os.mkfifo(self.root / "fifo.log")
        answer = self.call(action="sources")
        self.assertEqual([s["source"] for s in answer["sources"]], ["logs/good.log"])
        reasons = {s["source"]: s["reason"] for s in answer["skipped"]}
        for name in (
            "wtmp",
            "system.journal",
            "old.log.xz",
            "binary.log",
            "bad.log.gz",
            "link.log",
            "folder",
            "dangling",
            "fifo.log",
        ):
            self.assertIn(f"logs/{name}", reasons)
        self.assertIn("leads out", reasons["logs/link.log"])
        self.assertEqual(self.texts(text="secret"), [])
        self.assertEqual(self.texts(), ["2026-11-20 10:00:00 INFO x"])

    def test_link_within_the_mount_is_followed_once(self):
        self.write("pods/a/0.log", "2026-11-20 10:00:00 INFO x\n")
        (self.root / "current.log").symlink_to("pods/a/0.log")
        self.assertEqual(len(self.texts()), 1)

    def test_any_name_that_a_file_can_have_is_read(self):
        names = [b"nl/a\nb.log", b"\n", b"a.log\n", b"r\r.log.1", b"bad\xff.log", b"-.gz", b" ", b"\x1b[2J"]
        for name in names:
            path = os.path.join(os.fsencode(self.root), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"2026-11-20 10:00:00 ERROR of any name\n")
        for arguments in ({"text": "of any name"}, {"action": "tail"}):
            self.assertEqual(len(self.call(**arguments)["records"]), len(names))
        self.assertEqual(self.call(action="summary")["summary"]["records"], len(names))
        listed = self.call(action="sources")
        self.assertEqual((len(listed["sources"]), listed["skipped"]), (len(names), []))
        json.dumps(listed).encode()

    def test_surprise_of_one_file_leaves_that_file_out(self):
        self.write("a.log", "2026-11-20 10:00:00 INFO a\n")
        self.write("b.log", "2026-11-20 10:00:00 INFO b\n")

        def failing(real):
            def call(source, *arguments):
                name = source if isinstance(source, str) else source.name
                if name.endswith("a.log"):
                    raise AttributeError("surprise")
                return real(source, *arguments)

            return call

        why = {"source": "logs/a.log", "reason": "AttributeError: surprise"}
        for place, name in (
            (log_files, "_take"),
            (log_files.Source, "look"),
            (log_files, "survey"),
        ):
            with mock.patch.object(place, name, failing(getattr(place, name))):
                answer = self.call(action="sources")
                self.assertEqual([s["source"] for s in answer["sources"]], ["logs/b.log"], name)
                self.assertEqual(answer["skipped"], [why], name)
        with mock.patch.object(log_files.Source, "open", failing(log_files.Source.open)):
            answer = self.call()
            self.assertEqual([r["text"][-1] for r in answer["records"]], ["b"])
            self.assertEqual(answer["notes"], ["logs/a.log: AttributeError: surprise"])
            self.assertEqual(self.call(action="summary")["summary"]["records"], 1)

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_unreadable_file_is_reported(self):
        self.write("a.log", "x\n").chmod(0)
        self.assertIn("denied", self.call(action="sources")["skipped"][0]["reason"])

    def test_file_that_vanishes_or_fails_is_a_note(self):
        self.write("a.log", "2026-11-20 10:00:00 INFO a\n")
        self.write("b.log", "2026-11-20 10:00:00 INFO b\n")
        real = log_files.Source.open

        def open_or_fail(source, notes):
            if source.name.endswith("a.log"):
                raise PermissionError(13, "Permission denied")
            return real(source, notes)

        with mock.patch.object(log_files.Source, "open", open_or_fail):
            answer = self.call()
        self.assertEqual([r["text"][-1] for r in answer["records"]], ["b"])
        self.assertEqual(answer["notes"], ["logs/a.log: Permission denied"])

    def test_gzip_that_expands_without_measure_is_bounded(self):
        bomb = gzip.compress(b"2026-11-20 10:00:00 INFO first\n" + b"A" * (100 << 20), 1)
        self.write("bomb.log.gz", bomb)
        begin = time.process_time()
        answer = self.call(text="never there")
        self.assertLess(time.process_time() - begin, 5)
        self.assertTrue(any("expands too far" in note for note in answer["notes"]), answer)
        self.assertEqual(len(self.texts(text="first")), 1)

    def test_damaged_gzip_is_read_up_to_the_damage(self):
        whole = gzip.compress(random_log(1, 20000).encode(), mtime=0)
        self.write("cut.log.gz", whole[: len(whole) // 2])
        answer = self.call(limit=1000)
        self.assertEqual(len(answer["records"]), 1000)
        self.assertTrue(any("damaged" in note for note in self.call(text="never there")["notes"]))

    def test_gzip_of_several_members_is_read_whole(self):
        self.write(
            "a.log.gz",
            gzip.compress(b"2026-11-20 10:00:00 INFO a\n")
            + gzip.compress(b"2026-11-20 10:00:01 INFO b\n"),
        )
        self.assertEqual([t[-1] for t in self.texts()], ["a", "b"])

    def test_gzip_is_known_by_its_bytes_not_its_name(self):
        self.write("plain.log.gz.txt", gzip.compress(b"2026-11-20 10:00:00 INFO a\n"))
        self.assertEqual(len(self.texts()), 1)

    def test_line_longer_than_a_window_is_bounded(self):
        size = 3 * log_files.WINDOW_BYTES
        self.write("x.log", b"2026-11-20 10:00:00 INFO begin\n2026-11-20 10:00:01 INFO " + b"y" * size
                   + b" tail-of-line\n2026-11-20 10:00:02 INFO end\n")  # fmt: skip
        whole = self.call(limit=1000)
        self.assertEqual([r["time"][-3:-1] for r in whole["records"]], ["00", "01", "02"])
        self.assertLess(len(whole["records"][1]["text"]), 5000)
        self.assertTrue(any("KiB" in note for note in whole["notes"]))
        self.assertEqual(self.pages(1), whole["records"])
        self.assertEqual(self.texts(text="tail-of-line"), [])
        self.assertEqual(self.texts(text="end"), ["2026-11-20 10:00:02 INFO end"])
        self.assertEqual(len(self.texts(action="tail", lines=1)), 1)

    def test_file_of_newlines_is_quick(self):
        self.write("x.log", b"\n" * (2 << 20))
        begin = time.process_time()
        self.call(text="\n")
        self.call(action="tail")
        self.assertLess(time.process_time() - begin, 5)

    def test_page_is_bounded_in_bytes(self):
        self.write(
            "x.log", "".join(f"2026-11-20 10:00:00 INFO {n} {'é' * 3000}\n" for n in range(400))
        )
        page = self.call(limit=1000)
        self.assertLess(sum(len(r["text"]) for r in page["records"]), log_search.PAGE_BYTES_MAX)
        self.assertTrue(page["truncated"])
        self.assertEqual(len(self.pages(1000)), 400)
        tail = self.call(action="tail", lines=400)
        self.assertIn("newest", tail["notes"][0])

    def test_long_record_shows_the_place_that_matched(self):
        self.write(
            "x.log",
            "2026-11-20 10:00:00 INFO head " + "a" * 20000 + " NEEDLE " + "b" * 20000 + "\n",
        )
        for arguments in (
            {"text": "NEEDLE"},
            {"regex": "N[E]EDLE"},
            {"text": "needle", "ignore_case": True},
        ):
            text = self.texts(**arguments)[0]
            self.assertIn("NEEDLE", text)
            self.assertIn("head", text)
            self.assertLess(len(text), 5000)

    def test_odd_bytes_names_and_line_ends(self):
        (self.root / os.fsdecode(b"\xff\xfe.log")).write_bytes(
            b"2026-11-20 10:00:00 INFO \xff\xfe x\r\n2026-11-20 10:00:01 INFO y\r\n"
        )
        answer = self.call()
        json.dumps(answer, ensure_ascii=False).encode("utf-8")
        self.assertEqual(
            [r["text"] for r in answer["records"]],
            ["2026-11-20 10:00:00 INFO \ufffd\ufffd x", "2026-11-20 10:00:01 INFO y"],
        )

    def test_no_mount_no_files(self):
        for mounts in ({}, {"logs": self.outside / "nowhere"}):
            for action in ("search", "summary", "tail", "sources"):
                answer = log_store.log_store(Context(mounts), action=action)
                self.assertIn("message", answer)
        self.assertIn("no log files", log_store.log_store(Context({}))["message"])

    def test_mount_that_is_a_file(self):
        path = self.write("one.log", "2026-11-20 10:00:00 INFO x\n")
        answer = log_store.log_store(Context({"one": path}))
        self.assertEqual(answer["records"][0]["source"], "one/one.log")

    def test_too_deep_folders_are_reported(self):
        self.write("d/" * 20 + "a.log", "x\n")
        self.assertIn("too deep", [s["reason"] for s in self.call(action="sources")["skipped"]])


class Expressions(LogFolder):
    def test_bad_expressions_are_refused_with_the_reason(self):
        for regex in ("(", "[a", "*a", "(?P<x>a)(?P<x>b)", "a{99999999999}", "(?<=a+)b"):
            with self.subTest(regex=regex), self.assertRaisesRegex(QueryError, "regex"):
                self.call(regex=regex)
        with self.assertRaisesRegex(QueryError, "not both"):
            self.call(text="a", regex="b")

    def test_catastrophic_expression_is_ended(self):
        self.write("x.log", "2026-11-20 10:00:00 INFO " + "a" * 60 + "!\n")
        with (
            mock.patch.object(log_search, "SCAN_SECONDS", 0.2),
            mock.patch.object(log_search, "PATTERN_SECONDS", 0.3),
        ):
            begin = time.process_time()
            for action in ("search", "tail", "summary"):
                with self.assertRaisesRegex(QueryError, "exponential"):
                    self.call(regex="(a+)+$", action=action)
            self.assertLess(time.process_time() - begin, 4)
        self.assertEqual(len(self.texts(regex="a+")), 1)

    def test_required_text_of_an_expression(self):
        for regex, text in (
            (r"user=\d+ failed", " failed"), (r"^ERROR .*timeout$", "timeout"), ("(foo)(bar)", "foobar"),
            ("(?:foo)+", None), ("foo|bar", None), ("fo?o", None), ("(?i)foo", None), ("(?i:foo)", None),
            ("(?x) f o o", "foo"), ("[abc]", None), ("a", None), ("(foo|bar)baz", "baz"), ("(?!foo)", None),
            (r"foo\.bar", "foo.bar"), ("(?P<x>foo)(?P=x)", "foo"), ("(", None), ("foo{0,2}", "fo"),
        ):  # fmt: skip
            with self.subTest(regex=regex):
                flags = 0
                try:
                    flags = re.compile(regex).flags
                except re.error:
                    pass
                self.assertEqual(required_literal(regex, flags), text)


class Arguments(LogFolder):
    def test_wrong_arguments_are_named(self):
        for arguments, part in (
            ({"since": "soon"}, "since"), ({"until": "x"}, "until"), ({"utc_offset": "+1"}, "utc_offset"),
            ({"log_level": "loud"}, "log_level"), ({"since": "1h", "until": "2h"}, "after until"),
        ):  # fmt: skip
            with self.subTest(arguments=arguments), self.assertRaisesRegex(QueryError, part):
                self.call(**arguments)

    def test_progress_is_told_and_rises_each_time(self):
        self.write("x.log", random_log(1, 60000))
        ctx = Context({"logs": self.root})
        with mock.patch.object(log_search, "PROGRESS_SECONDS", 0.0):
            log_store.log_store(ctx, action="summary")
        done = [report[0] for report in ctx.reports]
        self.assertGreater(len(done), 3)
        self.assertEqual(done, sorted(set(done)))
        self.assertTrue(all(report[0] <= report[1] for report in ctx.reports))


if __name__ == "__main__":
    unittest.main()
