"""Each format: where records begin, and the time, level, service and message that are read."""

import time
import unittest

import log_fixtures
from log_formats import LEVELS, NO_LEVEL, Clock, likely_format, parse_head
from log_time import iso, parse_instant

CASES = [
    # line, format, time, level, service, in the message
    (b'{"time":"2026-11-20T10:00:00.5+01:00","level":"ERROR","service":"pay","msg":"boom"}',
     "json", "2026-11-20T09:00:00.500Z", "error", "pay", "boom"),
    (b'{"time":1795168800123,"level":40,"name":"x","msg":"pino"}',
     "json", "2026-11-20T10:00:00.123Z", "warning", None, "pino"),
    (b'{"ts":1795168800.25,"severity":"notice","message":"epoch seconds"}',
     "json", "2026-11-20T10:00:00.250Z", "notice", None, "epoch seconds"),
    (b'{"log":"2026-11-20 ERROR in docker\\n","stream":"stderr","time":"2026-11-20T10:00:00.123456789Z"}',
     "json", "2026-11-20T10:00:00.123Z", "error", None, "in docker"),
    (b'{"@timestamp":"2026-11-20T10:00:00Z","log.level":"warn","service":{"name":"ecs"},"message":"m"}',
     "json", "2026-11-20T10:00:00Z", "warning", "ecs", "m"),
    (b'<34>1 2026-11-20T12:00:00.003+02:00 host su - ID47 [a@1 k="v \\"]\\" w"][b@2] \xef\xbb\xbffailed',
     "syslog-5424", "2026-11-20T10:00:00.003Z", "critical", "su", "failed"),
    (b"<165>1 - - evntslog 12 ID1 - text", "syslog-5424", None, "notice", "evntslog", "text"),
    (b"<13>Nov 20 10:00:00 host app[12]: hello", "syslog-3164", "2026-11-20T10:00:00Z", "notice",
     "app", "hello"),
    (b"Nov  9 10:00:00 host postfix/smtpd[1]: warning: x", "syslog-3164", "2026-11-09T10:00:00Z",
     "warning", "postfix/smtpd", "warning: x"),
    (b"Dec 31 23:59:59 host kernel: [1.0] old year", "syslog-3164", "2025-12-31T23:59:59Z", None,
     "kernel", "old year"),
    (b"Feb 29 00:00:00 host leap: day", "syslog-3164", "2024-02-29T00:00:00Z", None, "leap", "day"),
    (b"2026-11-20T10:00:00.5+00:00 host sshd[9]: Failed password", "iso",
     "2026-11-20T10:00:00.500Z", "error", "sshd", "Failed password"),
    (b'203.0.113.9 - bob [20/Nov/2026:11:00:00 +0100] "GET /a HTTP/1.1" 503 12 "-" "curl/8"',
     "access", "2026-11-20T10:00:00Z", "error", None, "GET /a"),
    (b'shop.example:443 2001:db8::1 - - [20/Nov/2026:10:00:00 +0000] "POST /b HTTP/2" 404 -',
     "access", "2026-11-20T10:00:00Z", "warning", None, "POST /b"),
    (b'1.2.3.4 - - [20/Nov/2026:10:00:00 +0000] "\\x16\\x03" 400 0 "-" "-"',
     "access", "2026-11-20T10:00:00Z", "warning", None, "x16"),
    (b"2026/11/20 10:00:00 [crit] 1#1: *2 connect() failed", "iso", "2026-11-20T10:00:00Z",
     "critical", None, "connect() failed"),
    (b"[Fri Nov 20 10:00:00.123456 2026] [core:error] [pid 1] AH00126", "apache-error",
     "2026-11-20T10:00:00.123Z", "error", None, "AH00126"),
    (b"2026-11-20 10:00:00,123 ERROR [main] c.e.X - boom", "iso", "2026-11-20T10:00:00.123Z",
     "error", None, "boom"),
    (b"2026-11-20 10:00:00,123 - auth.login - WARNING - failed", "iso", "2026-11-20T10:00:00.123Z",
     "warning", None, "failed"),
    (b"2026-11-20T10:00:00.123Z  INFO 1 --- [main] c.e.App : up", "iso",
     "2026-11-20T10:00:00.123Z", "info", None, "up"),
    (b"2026-11-20 10:00:00.123 CET [77] FATAL:  no slots", "iso", "2026-11-20T09:00:00.123Z",
     "critical", None, "no slots"),
    (b"2026-11-20T10:00:00.1Z stderr F panic: x", "iso", "2026-11-20T10:00:00.100Z", "critical",
     None, "panic: x"),
    (b"[2026-11-20 10:00:00] [warning] laravel", "iso", "2026-11-20T10:00:00Z", "warning", None,
     "laravel"),
    (b"2026-11-20 10:00:00 status installed libgpg-error-l10n:all 1.46", "iso",
     "2026-11-20T10:00:00Z", None, None, "status installed"),
    (b"update-alternatives 2026-11-20 10:00:00: run with --quiet", "iso", "2026-11-20T10:00:00Z",
     None, None, "run with"),
    (b"E1120 10:00:00.123456       1 node.go:12] lost", "klog", "2026-11-20T10:00:00Z", "error",
     None, "node.go"),
    (b'time="2026-11-20T10:00:00Z" level=warning msg="a b" service=api', "logfmt",
     "2026-11-20T10:00:00Z", "warning", "api", "a b"),
    (b"type=SYSCALL msg=audit(1795168800.123:456): arch=c0", "auditd", "2026-11-20T10:00:00.123Z",
     "info", None, "arch=c0"),
    (b"Start-Date: 2026-11-20  10:00:00", "apt-history", "2026-11-20T10:00:00Z", "info", None, ""),
    (b"WARNING:root:careful", "plain", None, "warning", None, "careful"),
    (b"just words", "plain", None, None, None, "just words"),
    (b"\xff\xfe\x80", "plain", None, None, None, ""),
    (b"2026-13-45 99:99:99 impossible", "iso", None, None, None, "impossible"),
    (b"0000-01-01 00:00:00 INFO year 0", "iso", None, "info", None, "year 0"),
    (b"0001-01-01T00:00:00Z INFO Go's zero", "iso", None, "info", None, "zero"),
    (b"9999-12-31T23:59:59Z last", "iso", "9999-12-31T23:59:59Z", None, None, "last"),
    (b"9999-12-31T23:59:59-01:00 later", "iso", None, None, None, "later"),
    (b'{"time": "no time", "level": {}, "msg": null}', "json", None, None, None, "no time"),
    (b'{"broken": ', "plain", None, None, None, "broken"),
    (b'{"msg": "\\ud800 half", "service": "\\udfff"}', "json", None, None, "?", "? half"),
    (b"<999>1 2026-11-20T10:00:00Z h a p m - x", "plain", None, None, None, "<999>"),
]  # fmt: skip


class Formats(unittest.TestCase):
    def test_head_of_every_format_is_read(self):
        for line, name, when, level, service, part in CASES:
            with self.subTest(line=line):
                self.assertEqual(likely_format(line), name)
                parsed = parse_head(line, Clock(log_fixtures.CHANGED), name)
                self.assertEqual(iso(parsed.time), when)
                found = None if parsed.level == NO_LEVEL else LEVELS[parsed.level]
                self.assertEqual(found, level)
                self.assertEqual(parsed.service, service)
                self.assertIn(part, parsed.fixed + parsed.message)
                (parsed.fixed + parsed.message + (parsed.service or "")).encode("utf-8")

    def test_wrong_guess_of_the_format_changes_nothing(self):
        for line, _, when, _, service, _ in CASES:
            for guess in ("json", "access", "syslog-5424", "plain"):
                with self.subTest(line=line, guess=guess):
                    parsed = parse_head(line, Clock(log_fixtures.CHANGED), guess)
                    self.assertEqual((iso(parsed.time), parsed.service), (when, service))

    def test_times_without_zone_lie_at_the_offset(self):
        clock = Clock(log_fixtures.CHANGED, 60)
        for line in (b"2026-11-20 11:00:00 x", b"Nov 20 11:00:00 h p: x"):
            parsed = parse_head(line, clock, "plain")
            self.assertEqual(iso(parsed.time), "2026-11-20T10:00:00Z")
        parsed = parse_head(b"2026-11-20T10:00:00Z x", clock, "plain")
        self.assertEqual(iso(parsed.time), "2026-11-20T10:00:00Z")

    def test_year_is_the_one_before_the_files_change(self):
        for changed, year in (("2027-01-02T00:00:00Z", "2026"), ("2026-12-31T23:00:00Z", "2026"),
                              ("2026-12-30T00:00:00Z", "2025")):  # fmt: skip
            clock = Clock(parse_instant(changed, 0))
            parsed = parse_head(b"Dec 31 22:00:00 h p: x", clock, "syslog-3164")
            self.assertEqual(iso(parsed.time), f"{year}-12-31T22:00:00Z")

    def test_hostile_lines_take_linear_time(self):
        size = 64 << 10
        lines = [
            b'1.2.3.4 - - [20/Nov/2026:10:00:00 +0000] "' + b"\\" * size,
            b"<1>1 2026-11-20T10:00:00Z h a p m [" + b'a="' * (size // 3),
            b"<1>1 2026-11-20T10:00:00Z h a p m " + b"[a]" * (size // 3),
            b"time=" + b'a="' * (size // 3),
            b"a" * size, b"[" * size, b"{" * size, b"1." * (size // 2), b" " * size,
            b'{"a":' * (size // 5), b'{"time":' + b"9" * size + b"}",
        ]  # fmt: skip
        for line in lines:
            with self.subTest(line=line[:50]):
                begin = time.process_time()
                parse_head(line, Clock(log_fixtures.CHANGED), "plain")
                likely_format(line)
                self.assertLess(time.process_time() - begin, 0.5)


class Instants(unittest.TestCase):
    NOW = 1795176000.0

    def test_relative_and_absolute_forms(self):
        for text, seconds in (
            ("2h", -7200), ("90s", -90), ("30m", -1800), ("7d", -7 * 86400), ("1w", -7 * 86400),
            ("1d12h", -129600), ("3 h ago", -10800), ("-2h", -7200), ("now", 0),
            ("2026-11-20T12:00:00Z", 0), ("2026-11-20T13:00:00+01:00", 0), ("2026-11-20", -43200),
            ("2026-11-20 12:00", 0), ("2026-11-20T12:00:00.5Z", 0.5), ("1795176000", 0),
        ):  # fmt: skip
            with self.subTest(text=text):
                self.assertAlmostEqual(parse_instant(text, self.NOW) - self.NOW, seconds)

    def test_nonsense_says_which_forms_there_are(self):
        for text in ("", "yesterday-ish", "2h30", "2026-02-30", "2026-11-20T25:00", "h", "1e9",
                     "٢h", "2026-11-20T10:00+99:00", "9" * 60):  # fmt: skip
            with self.subTest(text=text), self.assertRaises(ValueError):
                parse_instant(text, self.NOW)


if __name__ == "__main__":
    unittest.main()
