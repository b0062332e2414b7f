"""What is in the logs: counts over time, by level and service, and messages grouped by template.

A template is a message with its variable parts masked: numbers, ids, addresses, e-mail addresses.
"""

import re

import log_formats
from log_formats import ERROR, LEVELS, NO_LEVEL
from log_search import Budget, PatternGuard, Query, _readable, text_of
from log_time import iso

TEMPLATE_CHARS_MAX = 240
# Distinct templates and services that are told apart. When there are more templates, the rarest are
# counted as OTHER, those of errors last; of services those that come later.
TEMPLATES_MAX = 10_000
SERVICES_MAX = 1000
OTHER = "(other)"
EXAMPLE_CHARS_MAX = 600
BUCKETS_MAX = 48
TOP_ERRORS = 10
TOP_MESSAGES = 15

_STEPS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400)
_VARIABLE = re.compile(
    r"(?P<email>\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})"
    r"|(?P<id>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{1,4}(?::{1,2}[0-9a-f]{1,4}){3,7}\b)"
    r"|(?P<time>\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?)"
    r"|(?P<hex>\b0x[0-9a-f]{1,32}\b|\b(?=[a-f]{0,32}\d)[0-9a-f]{8,64}\b)"
    r"|(?P<n>(?<!\bv)\d+(?:\.\d+)?)",  # but not the version in /api/v1
    re.IGNORECASE,
)
_ERROR_TYPE = re.compile(rb"\b(?:\w{1,60}\.){0,10}(\w{0,60}(?:Exception|Error))\b")


def _mask(match: re.Match) -> str:
    return f"<{match.lastgroup}>"


def template_of(parsed: log_formats.Parsed, error_type: str | None = None) -> str:
    """The message without what varies; records with stack traces are told apart by their error."""
    message = parsed.message[:TEMPLATE_CHARS_MAX].split("\n", 1)[0]
    if parsed.fixed and "?" in message:
        message = message.split("?", 1)[0]  # a request: its query tells callers apart, not causes
    template = parsed.fixed + _VARIABLE.sub(_mask, message)
    return f"{template} … {error_type}" if error_type else template


class Group:
    """Messages of one template."""

    __slots__ = ("count", "level", "service", "first", "last", "example", "source")

    def __init__(self, parsed, service: str, example: str, source: str):
        self.count = 0
        self.level = parsed.level
        self.service = service
        self.first = self.last = parsed.time
        self.example = example
        self.source = source

    def add(self, instant: float | None) -> None:
        self.count += 1
        if instant is not None:
            self.first = instant if self.first is None else min(self.first, instant)
            self.last = instant if self.last is None else max(self.last, instant)

    def row(self, template: str) -> dict:
        return {
            "template": template,
            "count": self.count,
            "level": _level_name(self.level),
            "service": self.service,
            "first": iso(self.first),
            "last": iso(self.last),
            "example": self.example,
            "source": self.source,
        }


def _level_name(level: int) -> str:
    return "none" if level == NO_LEVEL else LEVELS[level]


class Counts:
    """Everything that is counted in one pass."""

    def __init__(self):
        self.records = 0
        self.errors = 0
        self.first: float | None = None
        self.last: float | None = None
        self.levels: dict[int, int] = {}
        self.services: dict[str, list[int]] = {}  # name -> [records, errors]
        self.minutes: dict[int, list[int]] = {}  # minute since 1970 -> [records, errors]
        self.groups: dict[tuple[str, str], Group] = {}
        self.error_types: dict[str, int] = {}

    def add(self, source, record: bytes, parsed: log_formats.Parsed) -> None:
        service = parsed.service or source.service
        is_error = parsed.level >= ERROR
        self.records += 1
        self.levels[parsed.level] = self.levels.get(parsed.level, 0) + 1
        self._count(self.services, service, is_error, SERVICES_MAX)
        if parsed.time is not None:
            self.first = parsed.time if self.first is None else min(self.first, parsed.time)
            self.last = parsed.time if self.last is None else max(self.last, parsed.time)
            self._count(self.minutes, int(parsed.time // 60), is_error, None)
        error_type = None
        if is_error and (found := _ERROR_TYPE.search(record, 0, 4096)):
            error_type = found[1].decode("utf-8", "replace")
        has_trace = error_type is not None and b"\n" in record[:-1]
        key = (service, template_of(parsed, error_type if has_trace else None))
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= TEMPLATES_MAX:
                self._make_room()
            example = text_of(record[: 4 * EXAMPLE_CHARS_MAX])[:EXAMPLE_CHARS_MAX]
            group = self.groups[key] = Group(parsed, service, example, source.name)
        group.add(parsed.time)
        if is_error:
            self.errors += 1
            name = error_type or key[1]
            if name in self.error_types or len(self.error_types) < TEMPLATES_MAX:
                self.error_types[name] = self.error_types.get(name, 0) + 1

    def _make_room(self) -> None:
        """Folds the rarest half of the templates into one group."""
        parsed = log_formats.Parsed(None, NO_LEVEL, None, OTHER)
        other = self.groups.pop((OTHER, OTHER), None) or Group(parsed, OTHER, "", "")
        rarest = sorted(
            self.groups, key=lambda key: (self.groups[key].level >= ERROR, self.groups[key].count)
        )
        for key in rarest[: len(rarest) // 2]:
            group = self.groups.pop(key)
            other.count += group.count
        self.groups[(OTHER, OTHER)] = other

    @staticmethod
    def _count(table: dict, key, is_error: bool, keys_max: int | None) -> None:
        entry = table.get(key)
        if entry is None:
            if keys_max is not None and len(table) >= keys_max:
                key = OTHER
            entry = table.setdefault(key, [0, 0])
        entry[0] += 1
        entry[1] += is_error


def count(query: Query, sources: list, ctx, notes: list) -> Counts:
    """Reads every matching record; files that were changed last come first, should time run out."""
    counts = Counts()
    wanted = [source for source in sources if query.may_hold(source)]
    wanted.sort(key=lambda source: -source.changed)
    budget = Budget(ctx, sum(source.size for source in wanted))
    with PatternGuard(query.pattern, ctx):
        for source in wanted:
            for _, _, record, parsed in _readable(query, source, 0, budget, notes):
                if record is not None:
                    counts.add(source, record, parsed)
                elif budget.spent():
                    notes.append(
                        f"stopped in {source.name}, at {budget.done_bytes >> 20} of "
                        f"{budget.total_bytes >> 20} MiB: narrow the time range or the service"
                    )
                    return counts
    return counts


def over_time(minutes: dict[int, list[int]]) -> tuple[int, list[dict]]:
    """(seconds of a bucket, the newest BUCKETS_MAX buckets that are not empty)."""
    if not minutes:
        return 0, []
    first, last = min(minutes) * 60, max(minutes) * 60
    step = next((s for s in _STEPS if last // s - first // s < BUCKETS_MAX), _STEPS[-1])
    buckets: dict[int, list[int]] = {}
    for minute, (records, errors) in minutes.items():
        entry = buckets.setdefault(minute * 60 // step, [0, 0])
        entry[0] += records
        entry[1] += errors
    newest = sorted(buckets.items())[-BUCKETS_MAX:]
    return step, [
        {"start": iso(index * step), "records": records, "errors": errors}
        for index, (records, errors) in newest
    ]


def report(counts: Counts) -> dict:
    """The summary's fields, largest counts first."""
    step, buckets = over_time(counts.minutes)
    groups = sorted(counts.groups.items(), key=lambda item: (-item[1].count, item[0]))
    rows = [(group, template) for (_, template), group in groups]
    errors = [group.row(template) for group, template in rows if group.level >= ERROR]
    others = [group.row(template) for group, template in rows if group.level < ERROR]
    services = sorted(counts.services.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    return {
        "records": counts.records,
        "errors": counts.errors,
        "first": iso(counts.first),
        "last": iso(counts.last),
        "by_level": {
            _level_name(level): counts.levels[level]
            for level in sorted(counts.levels, reverse=True)
        },
        "by_service": [
            {"service": name, "records": records, "errors": errors_}
            for name, (records, errors_) in services[:50]
        ],
        "bucket_seconds": step,
        "over_time": buckets,
        "top_errors": errors[:TOP_ERRORS],
        "top_messages": others[:TOP_MESSAGES],
    }


def error_summary(counts: Counts, service: str, hours: float) -> dict:
    """The earlier tool's answer to get_error_summary."""
    types = sorted(counts.error_types.items(), key=lambda item: (-item[1], item[0]))
    return {
        "service": service,
        "time_range_hours": hours,
        "total_errors": counts.errors,
        "errors_by_type": dict(types[:TOP_ERRORS]),
        "most_frequent_error": types[0][0] if types else None,
        "error_rate_per_hour": round(counts.errors / hours, 2) if hours else 0.0,
    }
