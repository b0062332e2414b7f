"""The log files of the data mounts: search, summary, tail, and what there is.

Limits, each a name in the module that keeps it: 2,000 files, 16 folders deep; a scan ends after
15 s and hands out a cursor; a page holds up to 1,000 records and 192 KiB, a record 4 KiB of text; a
line is read up to 512 KiB, a record up to 1,000 lines or 64 KiB before its last line; a .gz up to
200 times its size. The files are read as they are at each call; nothing is kept between calls.
"""

import time
from typing import Annotated, Literal, Optional, TypedDict

import log_files
import log_formats
import log_search
from log_search import Query, QueryError
from log_time import iso, offset_minutes, parse_instant
from mcpgate import Context, Field, tool

Action = Literal["search", "summary", "tail", "sources"]
Function = Literal["search_logs", "get_error_summary", "tail_logs"]
Level = Literal["trace", "debug", "info", "notice", "warning", "error", "critical"]

# Names that a message lists when a service is unknown.
SERVICES_SHOWN = 40
SKIPPED_SHOWN = 50
SOURCES_SHOWN = 500


class LogRecord(TypedDict):
    time: Optional[str]
    level: Optional[str]
    service: str
    source: str
    offset: int
    text: str


class MessageGroup(TypedDict):
    template: str
    count: int
    level: str
    service: str
    first: Optional[str]
    last: Optional[str]
    example: str
    source: str


class ServiceCount(TypedDict):
    service: str
    records: int
    errors: int


class TimeBucket(TypedDict):
    start: str
    records: int
    errors: int


class LogSummary(TypedDict):
    records: int
    errors: int
    first: Optional[str]
    last: Optional[str]
    by_level: dict[str, int]
    by_service: list[ServiceCount]
    bucket_seconds: int
    over_time: list[TimeBucket]
    top_errors: list[MessageGroup]
    top_messages: list[MessageGroup]


class ErrorSummary(TypedDict):
    service: str
    time_range_hours: float
    total_errors: int
    errors_by_type: dict[str, int]
    most_frequent_error: Optional[str]
    error_rate_per_hour: float


class SourceInfo(TypedDict):
    source: str
    services: list[str]
    format: str
    bytes: int
    first: Optional[str]
    last: Optional[str]


class Skipped(TypedDict):
    source: str
    reason: str


class LogAnswer(TypedDict, total=False):
    """`message` says in a sentence what was found; the other fields depend on the action."""

    message: str
    records: list[LogRecord]
    next_cursor: Optional[str]
    truncated: bool
    summary: LogSummary
    error_summary: ErrorSummary
    sources: list[SourceInfo]
    services: list[str]
    skipped: list[Skipped]
    notes: list[str]


@tool(read_only=True, title="Search and summarise log files")
def log_store(
    ctx: Context,
    action: Annotated[
        Action,
        Field(
            description="search: matching records, oldest first within each file. summary: counts "
            "by level, service and time, and messages grouped by template. tail: the newest "
            "records. sources: which files and services there are."
        ),
    ] = "search",
    text: Annotated[
        Optional[str],
        Field(max_length=1000, description="Text that a record holds, as written in the file."),
    ] = None,
    regex: Annotated[
        Optional[str],
        Field(
            max_length=1000,
            description="Regular expression (Python) that matches in a record; ^ and $ match at "
            "each of its lines.",
        ),
    ] = None,
    service: Annotated[
        Optional[str],
        Field(max_length=200, description="A service, a folder or a file as `sources` names it."),
    ] = None,
    level: Annotated[
        Optional[Level], Field(description="Only records of this level or a more severe one.")
    ] = None,
    since: Annotated[
        Optional[str],
        Field(
            max_length=60,
            description="Not before: an age such as 30m, 2h, 7d, or a time such as "
            "2026-11-21T10:00 or 2026-11-21T10:00:00+01:00.",
        ),
    ] = None,
    until: Annotated[
        Optional[str], Field(max_length=60, description="Not after; written like `since`.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=1000, description="Records on a page of search.")] = 100,
    cursor: Annotated[
        Optional[str],
        Field(
            max_length=1024,
            description="next_cursor of the page before; the other arguments as they were.",
        ),
    ] = None,
    lines: Annotated[int, Field(ge=1, le=1000, description="Records that tail returns.")] = 50,
    ignore_case: Annotated[bool, Field(description="Whether A and a are the same.")] = False,
    utc_offset: Annotated[
        str,
        Field(
            max_length=6,
            description="Offset from UTC, such as +01:00, of times that are written without one.",
        ),
    ] = "+00:00",
    function: Annotated[
        Optional[Function],
        Field(description="An earlier name: search_logs, get_error_summary or tail_logs."),
    ] = None,
    service_name: Annotated[
        Optional[str], Field(max_length=200, description="Earlier name of `service`.")
    ] = None,
    keyword: Annotated[
        Optional[str],
        Field(max_length=1000, description="Earlier name of `text`; upper and lower case alike."),
    ] = None,
    log_level: Annotated[
        Optional[str], Field(max_length=20, description="Earlier name of `level`: ERROR, WARN, …")
    ] = None,
    hours: Annotated[
        float, Field(gt=0, le=87600, description="How far get_error_summary looks back.")
    ] = 24,
) -> LogAnswer:
    """Searches, counts and shows the real log files of this installation.

    Reads plain and gzip files, rotated ones too: JSON lines, syslog, access logs, application logs
    (a stack trace stays with its record). Begin with action "summary", or "sources" for the names
    of services. A search that has more results gives next_cursor; repeat it with cursor=that.
    """
    now = time.time()
    offset = offset_minutes(utc_offset)
    if offset is None:
        raise QueryError(f"utc_offset: {utc_offset!r} is not of the form +01:00")
    if function:
        action = {"search_logs": "search", "tail_logs": "tail"}.get(function, "summary")
    is_error_summary = function == "get_error_summary"
    query = Query(
        text=text or keyword,
        regex=regex,
        service=service or service_name,
        level=log_formats.ERROR if is_error_summary else _level(level, log_level),
        since=now - hours * 3600 if is_error_summary else _instant("since", since, now, offset),
        until=_instant("until", until, now, offset),
        ignore_case=ignore_case or bool(keyword and not text),
    )
    if query.since is not None and query.until is not None and query.since > query.until:
        raise QueryError(f"since ({iso(query.since)}) is after until ({iso(query.until)})")
    sources, skipped = log_files.discover(ctx.mounts, offset)
    view = _View(ctx, query, sources, skipped)
    if action == "sources":
        return view.list_sources()
    if action == "tail":
        return view.tail(lines)
    if action == "summary":
        return view.error_summary(hours) if is_error_summary else view.summary()
    return view.search(cursor, limit)


def _level(level: str | None, log_level: str | None) -> int | None:
    name = level or log_level
    if not name:
        return None
    index = log_formats.level_of_word(name)
    if index == log_formats.NO_LEVEL:
        raise QueryError(f"log_level: {name!r} is none of {', '.join(log_formats.LEVELS)}")
    return index


def _instant(argument: str, text: str | None, now: float, offset: int) -> float | None:
    try:
        return max(0.0, parse_instant(text, now, offset)) if text else None
    except ValueError as error:
        raise QueryError(f"{argument}: {error}") from None


class _View:
    """One call's answer in the making."""

    def __init__(self, ctx: Context, query: Query, sources: list, skipped: list[dict]):
        self.ctx = ctx
        self.query = query
        self.sources = sources
        self.skipped = skipped
        self.notes: list[str] = []

    def search(self, cursor: str | None, limit: int) -> LogAnswer:
        page = log_search.search(self.query, self.sources, cursor, limit, self.ctx, self.notes)
        records, next_cursor = page["records"], page["next_cursor"]
        answer: LogAnswer = {
            "message": self._found(len(records), more=next_cursor is not None),
            "records": records,
            "next_cursor": next_cursor,
            "truncated": next_cursor is not None,
        }
        return self._close(answer, found=bool(records) or next_cursor is not None)

    def tail(self, lines: int) -> LogAnswer:
        records = log_search.tail(self.query, self.sources, lines, self.ctx, self.notes)
        answer: LogAnswer = {
            "message": self._found(len(records), more=False),
            "records": records,
            "truncated": bool(self.notes),
        }
        return self._close(answer, found=bool(records))

    def summary(self) -> LogAnswer:
        import log_summary  # only where needed: a child starts anew for each call

        counts = log_summary.count(self.query, self.sources, self.ctx, self.notes)
        summary = log_summary.report(counts)
        message = (
            f"{counts.records} records, {counts.errors} of them errors, in {len(self.sources)} "
            f"files, from {summary['first']} to {summary['last']}."
        )
        if summary["top_errors"]:
            worst = summary["top_errors"][0]
            message += f" Most frequent error ({worst['count']}×, {worst['service']}): "
            message += worst["template"]
        answer: LogAnswer = {
            "message": message,
            "summary": summary,
            "truncated": bool(self.notes),
            "skipped": self.skipped[:SKIPPED_SHOWN],
        }
        return self._close(answer, found=counts.records > 0)

    def error_summary(self, hours: float) -> LogAnswer:
        import log_summary  # only where needed: a child starts anew for each call

        counts = log_summary.count(self.query, self.sources, self.ctx, self.notes)
        service = self.query.service or "(all)"
        summary = log_summary.error_summary(counts, service, hours)
        answer: LogAnswer = {
            "message": f"{counts.errors} errors of {service} in {hours:g} hours.",
            "error_summary": summary,
            "truncated": bool(self.notes),
        }
        return self._close(answer, found=counts.records > 0)

    def list_sources(self) -> LogAnswer:
        known = _Known(self.sources, self.skipped)
        answer: LogAnswer = {
            "message": f"{len(known.rows)} log files of {len(known.services)} services; "
            f"{len(self.skipped)} other files or folders were left out.",
            "sources": known.rows[:SOURCES_SHOWN],
            "services": known.services,
            "truncated": len(known.rows) > SOURCES_SHOWN,
            "skipped": self.skipped[:SKIPPED_SHOWN],
        }
        return self._close(answer, found=True)

    def _found(self, count: int, more: bool) -> str:
        records = "1 record" if count == 1 else f"{count} records"
        return f"{records}; there may be more, repeat with cursor=next_cursor." if more else records

    def _close(self, answer: LogAnswer, found: bool) -> LogAnswer:
        if not found:
            answer["message"] = self._why_nothing()
        if self.notes:
            answer["notes"] = self.notes
        return answer

    def _why_nothing(self) -> str:
        """What a caller needs to ask better."""
        if not self.sources:
            reasons = "; ".join(f"{s['source']}: {s['reason']}" for s in self.skipped[:5])
            return f"There are no log files to read. {reasons}".strip()
        known = _Known(self.sources, self.skipped)
        names = ", ".join(known.services[:SERVICES_SHOWN])
        if len(known.services) > SERVICES_SHOWN:
            names += ", …"
        span = f"Log records lie between {iso(known.first)} and {iso(known.last)}."
        service = self.query.service
        if service and not known.has(service):
            return f"No service or file is named {service!r}. Services: {names}. {span}"
        return f"No record matches. {span} Services: {names}."


class _Known:
    """Services, formats and times, from the first and the last kilobytes of each file."""

    def __init__(self, sources: list, skipped: list[dict]):
        self.rows: list[SourceInfo] = []
        self.first: float | None = None
        self.last: float | None = None
        names: set[str] = set()
        self._aliases: set[str] = set()
        for source in sources:
            try:
                services, first, last = log_files.survey(source)
            except Exception as error:  # one file never ends the call
                skipped.append({"source": source.name, "reason": log_files.reason_of(error)})
                continue
            names |= services
            self._aliases |= {source.service.lower(), source.folder.lower(), source.name.lower()}
            self.first = min((t for t in (self.first, first) if t is not None), default=None)
            self.last = max((t for t in (self.last, last) if t is not None), default=None)
            self.rows.append(
                {
                    "source": source.name,
                    "services": sorted(services),
                    "format": source.format + (" (gzip)" if source.gzip else ""),
                    "bytes": source.size,
                    "first": iso(first),
                    "last": iso(last),
                }
            )
        self.services = sorted(names)

    def has(self, service: str) -> bool:
        return service in self._aliases or service in {name.lower() for name in self.services}
