"""One log record: where it begins, and what its first line says (time, level, service, message).

A record is a line that looks like the head of one, with the lines after it that do not: a stack
trace stays with its error. Every pattern here runs in time linear in the line.

Formats: JSON lines (also Docker's and structured loggers'), syslog RFC 5424 and RFC 3164 (and
rsyslog's variant with ISO times), access logs (common, combined, with virtual host), nginx and
Apache error logs, application lines that begin with an ISO time (Java, Python, PostgreSQL, CRI,
dpkg), klog, logfmt, auditd, apt's history, lines that begin with a level; anything else is `plain`.

Times without zone are taken `offset_minutes` east of UTC. RFC 3164 writes no year: the latest one
that does not put the line more than a day after the file's last change.
"""

import json
import re
import time
from functools import lru_cache

import log_time
from log_time import MONTHS, day_start

LEVELS = ("trace", "debug", "info", "notice", "warning", "error", "critical")
NO_LEVEL = -1
WARNING, ERROR, CRITICAL = 4, 5, 6

# What a record's head may cost: a longer line is looked at up to here.
HEAD_BYTES_MAX = 64 << 10
MESSAGE_BYTES_MAX = 2 << 10

_LEVEL_WORDS = {
    "trace": 0, "finest": 0, "finer": 0, "debug": 1, "fine": 1, "dbg": 1, "config": 1, "info": 2,
    "information": 2, "inf": 2, "log": 2, "statement": 2, "detail": 2, "hint": 2, "notice": 3,
    "warn": 4, "warning": 4, "wrn": 4, "error": 5, "err": 5, "severe": 5, "critical": 6, "crit": 6,
    "alert": 6, "emerg": 6, "emergency": 6, "fatal": 6, "panic": 6, "ftl": 6,
}  # fmt: skip
_SYSLOG_LEVELS = (6, 6, 6, 5, 4, 3, 2, 1)  # RFC 5424, table 2: emergency … debug
_KLOG_LEVELS = {b"I": 2, b"W": 4, b"E": 5, b"F": 6}


class Parsed:
    """What a record's head says.

    `level` indexes LEVELS, NO_LEVEL = none. `service` is None where the line names none.
    `fixed` is the part of the message that tells messages apart and is never masked (a status).
    """

    __slots__ = ("time", "level", "service", "fixed", "message")

    def __init__(self, time, level, service, message, fixed=""):
        # A year that no clock shows and no answer could print is no time: Go's zero time is year 1.
        self.time = time if time is None or 0 <= time < log_time.INSTANT_END else None
        self.level = level
        self.service = service
        self.message = message
        self.fixed = fixed


class Clock:
    """How the times of one file are read."""

    __slots__ = ("changed", "offset_minutes")

    def __init__(self, changed: float, offset_minutes: int = 0):
        self.changed = changed
        self.offset_minutes = offset_minutes


class LazyPattern:
    """A pattern that is compiled when it is first used: each call runs in a fresh process, and a
    file's lines need two or three of the expressions here."""

    def __init__(self, text: bytes, flags: int = 0):
        self._arguments = (text, flags)

    def __getattr__(self, name: str):
        compiled = re.compile(*self._arguments)
        self.match, self.search, self.finditer = compiled.match, compiled.search, compiled.finditer
        return getattr(compiled, name)


# --- where a record begins -------------------------------------------------------------------

_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LEVEL_AT_START = rb"\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL)\]?[ :]"
_HEAD = re.compile(
    rb"\{"
    rb"|\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:"
    rb"|<\d{1,3}>"
    rb"|" + _MONTH + rb" [ \d]\d \d\d:\d\d:\d\d "
    rb"|\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _MONTH + rb" \d\d \d\d:"
    rb"|[0-9A-Za-z:.-]{1,80} [^\n]{3,200}? \[\d\d/[A-Z][a-z]{2}/\d{4}:"
    rb"|[IWEF]\d{4} \d\d:\d\d:\d\d"
    rb"|(?:time|ts|level|lvl)="
    rb"|type=[A-Z_]+ msg=audit\("
    rb"|update-alternatives \d{4}-"
    rb"|Start-Date: "
    rb"|" + _LEVEL_AT_START
)
_PLAIN_HEAD = re.compile(rb"[^\s]")

# From this share of the lines that are not indented on, a file is one of records with heads.
_HEADS_SHARE = 0.2


def head_pattern(sample: bytes) -> re.Pattern:
    """The pattern which, matched at a line's start, says that a record begins there.

    In a file without recognisable heads every line that is not indented begins one.
    """
    lines = [line for line in sample.split(b"\n")[:400] if _PLAIN_HEAD.match(line)]
    heads = sum(1 for line in lines if _HEAD.match(line))
    return _HEAD if heads and heads >= _HEADS_SHARE * len(lines) else _PLAIN_HEAD


# --- times -----------------------------------------------------------------------------------

_ZONE_NAMES = b"|".join(sorted(log_time.ZONES, key=len, reverse=True))
_ISO_TEXT = (
    rb"(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d):(\d\d)(?:[.,](\d{1,9}))?"
    rb"(?: ?((?:" + _ZONE_NAMES + rb")\b|[+-]\d\d:?\d\d(?!\d)))?"
)
_ISO = re.compile(rb"\[?" + _ISO_TEXT + rb"\]?")


@lru_cache(maxsize=65536)
def _minute_start(text: bytes) -> float | None:
    """Of `2026-11-21T10:00`; None if there is no such minute."""
    hour, minute = int(text[11:13]), int(text[14:16])
    if hour > 23 or minute > 59:
        return None
    try:
        day = day_start(int(text[0:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return None
    return day + hour * 3600 + minute * 60


def _iso_instant(match: re.Match, clock: Clock) -> float | None:
    minute, second, fraction, zone = match.group(1, 2, 3, 4)
    instant = _minute_start(minute)
    if instant is None:
        return None
    instant += int(second)
    if fraction:
        instant += float(b"0." + fraction)
    offset = clock.offset_minutes if zone is None else log_time.offset_minutes(zone)
    return instant - (offset or 0) * 60


@lru_cache(maxsize=65536)
def _yearless_second(month: int, day: int, time_of_day: bytes, newest: float, offset: int):
    """RFC 3164 has no year: the latest one whose instant is not after `newest`."""
    hour, minute, second = (int(part) for part in time_of_day.split(b":"))
    if hour > 23 or minute > 59 or second > 60:
        return None
    year = time.gmtime(newest).tm_year
    for candidate in range(year, year - 5, -1):  # 29 February needs up to four
        try:
            instant = day_start(candidate, month, day) + hour * 3600 + minute * 60 + second
        except ValueError:
            continue
        if instant - offset * 60 <= newest:
            return instant - offset * 60
    return None


def _yearless(month: bytes, day: bytes, time_of_day: bytes, clock: Clock) -> float | None:
    newest = clock.changed + 86400
    return _yearless_second(MONTHS[month], int(day), time_of_day, newest, clock.offset_minutes)


def _dated(year: bytes, month: bytes, day: bytes, time_of_day: bytes) -> float | None:
    number = MONTHS.get(month)
    if number is None:
        return None
    return _minute_start(b"%b-%02d-%b %b" % (year, number, day, time_of_day))


def _epoch(value: float) -> float | None:
    """Seconds of a number that may count seconds, milli-, micro- or nanoseconds."""
    for limit, divisor in ((1e11, 1), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if 0 <= value < limit:
            return value / divisor
    return None


# --- levels ----------------------------------------------------------------------------------

_LEVEL = LazyPattern(
    rb"\b(TRACE|FINEST|FINER|DEBUG|FINE|CONFIG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL"
    rb"|PANIC|LOG(?=:)|STATEMENT(?=:)|DETAIL(?=:)|HINT(?=:))\b"
    rb"|\[(?:\w{1,20}:)?(trace\d?|debug|info|notice|warn|warning|error|crit|alert|emerg|fatal)\]"
    rb"|\b(?:level|lvl|severity)[=:] ?\"?(\w{1,12})"
)
_LEVEL_PLACE_BYTES = 160
# Where a line names no level (Debian's syslog files carry none), words tell.
_WORDS = LazyPattern(
    rb"(?<![\w-])(?:(panic|fatal|emergency|out of memory|oom-killer)"
    rb"|(errors?|exception|fail(?:ed|ure)|segfault|traceback)"
    rb"|(warn(?:ing)?|denied|refused|invalid|time(?:d out|out)))(?![\w-])",
    re.IGNORECASE,
)


def level_of_word(word: str) -> int:
    """Index into LEVELS of "WARN", "err", …; NO_LEVEL if it is none."""
    return _LEVEL_WORDS.get(word.lower().rstrip("0123456789"), NO_LEVEL)


def _level_in(text: bytes) -> int:
    match = _LEVEL.search(text, 0, _LEVEL_PLACE_BYTES)
    if match:
        level = level_of_word(match[match.lastindex].decode("ascii", "replace"))
        if level != NO_LEVEL:
            return level
    match = _WORDS.search(text, 0, 400)
    return (CRITICAL, ERROR, WARNING)[match.lastindex - 1] if match else NO_LEVEL


def _text(value: bytes) -> str:
    return value[:MESSAGE_BYTES_MAX].decode("utf-8", "replace").strip()


# --- one parser for each format: (line, clock) -> Parsed | None --------------------------------

_TIME_KEYS = ("time", "timestamp", "@timestamp", "ts", "t", "datetime", "date", "eventTime")
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "log_level")
_SERVICE_KEYS = ("service", "service.name", "app", "application", "program", "component", "logger")
_MESSAGE_KEYS = ("message", "msg", "event", "log", "text", "error", "err")
_PINO_LEVELS = {10: 0, 20: 1, 30: 2, 40: 4, 50: 5, 60: 6}


def _first(document: dict, keys: tuple[str, ...]):
    for key in keys:
        value = document.get(key)
        if value is not None:
            return value
    return None


def _json_time(value, clock: Clock) -> float | None:
    if isinstance(value, str):
        match = _ISO.match(value.encode("utf-8", "replace"))
        if match:
            return _iso_instant(match, clock)
        if not re.fullmatch(r"\d{9,19}(\.\d{1,9})?", value, re.ASCII):
            return None
        value = float(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return _epoch(value) if is_number else None


def _json_level(value) -> int:
    if isinstance(value, str):
        return level_of_word(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value in _PINO_LEVELS:
            return _PINO_LEVELS[value]
        return _SYSLOG_LEVELS[value] if 0 <= value <= 7 else NO_LEVEL
    return NO_LEVEL


def _valid(text: str) -> str:
    """JSON's escapes can name half a surrogate pair, which no UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _parse_json(line: bytes, clock: Clock) -> Parsed | None:
    if not line.startswith(b"{"):
        return None
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    message = _first(document, _MESSAGE_KEYS)
    message = line.decode("utf-8", "replace") if message is None else _valid(str(message))
    level = _first(document, _LEVEL_KEYS)
    if level is None and isinstance(document.get("log"), dict):
        level = document["log"].get("level")
    level = _json_level(level)
    if level == NO_LEVEL:
        level = _level_in(message[:400].encode("utf-8", "replace"))
    service = _first(document, _SERVICE_KEYS)
    if isinstance(service, dict):
        service = service.get("name")
    return Parsed(
        _json_time(_first(document, _TIME_KEYS), clock),
        level,
        _valid(service[:128]) if isinstance(service, str) else None,
        message[:MESSAGE_BYTES_MAX].strip(),
    )


_SYSLOG_5424 = LazyPattern(
    rb"<(\d{1,3})>1 (?:-|" + _ISO_TEXT + rb") (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
    rb"(?:-|(?:\[(?:[^\]\"]|\"(?:[^\"\\]|\\.)*+\")*+\])++)(?: |$)"
)


def _parse_syslog_5424(line: bytes, clock: Clock) -> Parsed | None:
    match = _SYSLOG_5424.match(line) if line.startswith(b"<") else None
    if not match or int(match[1]) > 191:
        return None
    # The time is the last but four groups; _iso_instant reads groups 1 to 4 of its own pattern.
    instant = _ISO.match(line, match.start(2)) if match[2] else None
    service = match[7]
    return Parsed(
        _iso_instant(instant, clock) if instant else None,
        _SYSLOG_LEVELS[int(match[1]) & 7],
        None if service == b"-" else service.decode("utf-8", "replace"),
        _text(line[match.end() :].removeprefix(b"\xef\xbb\xbf")),
    )


_TAG = rb"(\S{1,255}) ([^\s:\[\]]{1,128})(?:\[[^\]\n]{0,64}\])?:(?: |$)"
_SYSLOG_3164 = LazyPattern(
    rb"(?:<(\d{1,3})>)?(" + _MONTH + rb") ([ \d]\d) (\d\d:\d\d:\d\d) (?:" + _TAG + rb")?"
)
_SYSLOG_ISO = LazyPattern(_TAG)


def _parse_syslog_3164(line: bytes, clock: Clock) -> Parsed | None:
    if not line.startswith(b"<") and line[:3] not in MONTHS:
        return None
    match = _SYSLOG_3164.match(line)
    if not match:
        return None
    priority = int(match[1]) if match[1] else 192
    message = line[match.end() :]
    return Parsed(
        _yearless(match[2], match[3], match[4], clock),
        _SYSLOG_LEVELS[priority & 7] if priority <= 191 else _level_in(message),
        match[6].decode("utf-8", "replace") if match[6] else None,
        _text(message),
    )


_ACCESS = LazyPattern(
    rb"(?:[\w.:-]{1,255} )?\S{1,80} \S{1,80} [^\[\n]{1,200}"
    rb"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d):(\d\d) ([+-]\d{4})\] "
    rb"\"((?:[^\"\\]|\\.)*?)(?: HTTP/[\d.]{1,4})?\" (\d{3}) (?:\d+|-)"
)


def _parse_access(line: bytes, clock: Clock) -> Parsed | None:
    match = _ACCESS.match(line) if b'] "' in line else None
    if not match:
        return None
    day, month, year, minute, second, zone, request, status = match.groups()
    instant = _dated(year, month, day, minute)
    if instant is not None:
        instant += int(second) - (log_time.offset_minutes(zone) or 0) * 60
    level = ERROR if status >= b"500" else WARNING if status >= b"400" else 2
    return Parsed(instant, level, None, _text(request), status.decode() + " ")


_APACHE_ERROR = LazyPattern(
    rb"\[[A-Z][a-z]{2} (" + _MONTH + rb") (\d\d) (\d\d:\d\d):(\d\d)(?:\.(\d{1,6}))? (\d{4})\] "
)


def _parse_apache_error(line: bytes, clock: Clock) -> Parsed | None:
    match = _APACHE_ERROR.match(line) if line.startswith(b"[") else None
    if not match:
        return None
    month, day, minute, second, fraction, year = match.groups()
    instant = _dated(year, month, day, minute)
    if instant is not None:
        instant += int(second) + (float(b"0." + fraction) if fraction else 0.0)
        instant -= clock.offset_minutes * 60
    rest = line[match.end() :]
    return Parsed(instant, _level_in(rest), None, _text(rest))


_CRI = LazyPattern(rb" (?:stdout|stderr) [FP] ")


def _parse_iso(line: bytes, clock: Clock) -> Parsed | None:
    """Application lines and everything else that begins with an ISO time."""
    start = 20 if line.startswith(b"update-alternatives ") else 0
    match = _ISO.match(line, start)
    if not match:
        return None
    instant = _iso_instant(match, clock)
    rest = line[match.end() :]
    if cri := _CRI.match(rest):
        rest = rest[cri.end() :]
    if line[10:11] == b"T" and (tag := _SYSLOG_ISO.match(rest, 1)):
        if level_of_word(tag[1].decode("ascii", "replace").strip("[]")) == NO_LEVEL:
            message = rest[tag.end() :]
            service = tag[2].decode("utf-8", "replace")
            return Parsed(instant, _level_in(message), service, _text(message))
    return Parsed(instant, _level_in(rest), None, _text(rest.lstrip(b" -|:")))


_KLOG = LazyPattern(rb"([IWEF])(\d\d)(\d\d) (\d\d:\d\d:\d\d)\.\d{1,6} +\d+ ")
_MONTH_NAMES = {number: name for name, number in MONTHS.items()}


def _parse_klog(line: bytes, clock: Clock) -> Parsed | None:
    match = _KLOG.match(line) if line[:1] in _KLOG_LEVELS and line[1:5].isdigit() else None
    month = _MONTH_NAMES.get(int(match[2])) if match else None
    if not match or not month:
        return None
    instant = _yearless(month, match[3], match[4], clock)
    return Parsed(instant, _KLOG_LEVELS[match[1]], None, _text(line[match.end() :]))


_PAIR = LazyPattern(rb"([\w.@-]{1,40})=(?:\"((?:[^\"\\]|\\.)*+)\"|(\S*))")


def _parse_logfmt(line: bytes, clock: Clock) -> Parsed | None:
    if not line.startswith((b"time=", b"ts=", b"level=", b"lvl=")):
        return None
    pairs = {m[1].decode(): _text(m[2] or m[3] or b"") for m in _PAIR.finditer(line)}
    level = _json_level(_first(pairs, _LEVEL_KEYS))
    message = _first(pairs, _MESSAGE_KEYS) or _text(line)
    service = _first(pairs, _SERVICE_KEYS)
    instant = _json_time(_first(pairs, _TIME_KEYS), clock)
    return Parsed(instant, level, service[:128] if service else None, message)


_AUDITD = LazyPattern(rb"type=([A-Z_]+) msg=audit\((\d{1,11}\.\d{1,6}):\d+\): ?")


def _parse_auditd(line: bytes, clock: Clock) -> Parsed | None:
    match = _AUDITD.match(line) if line.startswith(b"type=") else None
    if not match:
        return None
    return Parsed(float(match[2]), 2, None, _text(line[match.end() :]), match[1].decode() + " ")


_APT_HISTORY = LazyPattern(rb"Start-Date: (\d{4}-\d\d-\d\d)  (\d\d:\d\d):(\d\d)\n?")


def _parse_apt_history(line: bytes, clock: Clock) -> Parsed | None:
    match = _APT_HISTORY.match(line) if line.startswith(b"Start-Date: ") else None
    instant = _minute_start(match[1] + b" " + match[2]) if match else None
    if not match or instant is None:
        return None
    instant += int(match[3]) - clock.offset_minutes * 60
    return Parsed(instant, 2, None, "apt transaction")


def _parse_plain(line: bytes, clock: Clock) -> Parsed:
    return Parsed(None, _level_in(line), None, _text(line))


_PARSERS = {
    "json": _parse_json,
    "syslog-5424": _parse_syslog_5424,
    "syslog-3164": _parse_syslog_3164,
    "iso": _parse_iso,
    "access": _parse_access,
    "apache-error": _parse_apache_error,
    "klog": _parse_klog,
    "logfmt": _parse_logfmt,
    "auditd": _parse_auditd,
    "apt-history": _parse_apt_history,
    "plain": _parse_plain,
}
# Formats whose lines name the service themselves; elsewhere the file's name does.
NAMES_SERVICES = frozenset({"json", "syslog-5424", "syslog-3164", "iso", "logfmt"})


def parse_head(line: bytes, clock: Clock, likely: str) -> Parsed:
    """Reads a record's first line; tries the `likely` format first, and never fails."""
    line = line[:HEAD_BYTES_MAX]
    parsed = _PARSERS[likely](line, clock) if likely != "plain" else None
    if parsed is not None:
        return parsed
    return next(p for parser in _PARSERS.values() if (p := parser(line, clock)) is not None)


def likely_format(sample: bytes) -> str:
    """The format of most record heads in a sample of a file."""
    clock = Clock(time.time())
    pattern = head_pattern(sample)
    counts: dict[str, int] = {}
    heads = [line for line in sample.split(b"\n")[:400] if pattern.match(line)]
    for line in heads[:50]:
        line = line[:HEAD_BYTES_MAX]
        name = next(n for n, p in _PARSERS.items() if p(line, clock) is not None)
        counts[name] = counts.get(name, 0) + 1
    return max(counts, key=counts.__getitem__) if counts else "plain"
