"""Finding records: the query, the scan over windows of bytes, pages with cursors, and the tail.

Why it is fast: the text (or a text that the regular expression cannot match without) is looked for
in whole windows with `bytearray.find`; only the records around the places found are cut out, parsed
and compared. Without such a text every record is parsed.

Order: by file, oldest rotation first, and within a file as written.
"""

import base64
import json
import re
import time
import zlib
from collections import deque

import log_files
import log_formats
from log_formats import NO_LEVEL
from mcpgate import ToolError

# A scan ends by itself after this long, with a cursor that continues it (toolset.yaml: wall 30s).
SCAN_SECONDS = 15.0
# … or after this share of the time that the call has left.
SCAN_SHARE = 0.6
GUARD_SHARE = 0.8  # for a regular expression, see PATTERN_SECONDS
# How long one regular expression may take over one record before it is called catastrophic.
PATTERN_SECONDS = 5.0
# Text of one page in all, and of one record on it.
PAGE_BYTES_MAX = 192 << 10
RECORD_TEXT_MAX = 4 << 10
CURSOR_CHARS_MAX = 1024
TAIL_BLOCK_BYTES = 256 << 10
# How many records are compared between two looks at the clock.
RECORDS_PER_TICK = 256
# How often progress is told at the most.
PROGRESS_SECONDS = 0.25


class QueryError(ToolError):
    """The caller's mistake; the message says which argument and what to write instead."""


class Query:
    """What to look for. Instants in seconds; level indexes LEVELS; None = no condition."""

    def __init__(
        self, text=None, regex=None, service=None, level=None, since=None, until=None,
        ignore_case=False,
    ):  # fmt: skip
        self.service = service.lower() if service else None
        self.level = level
        self.since = since
        self.until = until
        self.lower = False
        self.needle = None
        self.pattern = None
        if text and regex:
            raise QueryError("give text or regex, not both")
        if text and ignore_case and not text.isascii():
            text, regex = None, re.escape(text)
        if text:
            self.lower = ignore_case
            self.needle = (text.lower() if ignore_case else text).encode("utf-8", "replace")
        elif regex:
            self.pattern = _compile(regex, ignore_case)
            literal = required_literal(regex, self.pattern.flags)
            self.needle = literal.encode("utf-8") if literal else None
        self.identity = [text, regex, self.service, level, ignore_case]

    def has_conditions_on_head(self) -> bool:
        return any(x is not None for x in (self.service, self.level, self.since, self.until))

    def accepts(self, source: log_files.Source, parsed: log_formats.Parsed) -> bool:
        if self.level is not None and parsed.level < self.level:
            return False
        if self.since is not None and (parsed.time is None or parsed.time < self.since):
            return False
        if self.until is not None and (parsed.time is None or parsed.time > self.until):
            return False
        if self.service is None:
            return True
        if parsed.service is not None and parsed.service.lower() == self.service:
            return True
        return source.is_of(self.service)

    def matches(self, record: bytes) -> bool:
        return self.pattern is None or self.pattern.search(text_of(record)) is not None

    def needle_in(self, source: log_files.Source) -> tuple[bytes | None, bool]:
        """What a matching record of the source must hold, and whether to compare in lower case."""
        if self.needle is not None:
            return self.needle, self.lower
        names_services = source.format in log_formats.NAMES_SERVICES
        if self.service and names_services and not source.is_of(self.service):
            # A name in JSON may be written with escapes; a plain one is not.
            if re.fullmatch(r"[a-z0-9_.@-]+", self.service):
                return self.service.encode(), True
        return None, False

    def may_hold(self, source: log_files.Source) -> bool:
        if self.service is None or source.is_of(self.service):
            return True
        return source.format in log_formats.NAMES_SERVICES


def text_of(record: bytes) -> str:
    return record.rstrip(b"\r\n").decode("utf-8", "replace")


def _compile(regex: str, ignore_case: bool) -> re.Pattern:
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
    try:
        return re.compile(regex, flags)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise QueryError(f"regex: {error} (Python's re syntax)") from None


def required_literal(regex: str, flags: int) -> str | None:
    """The longest text that every match of the expression must hold; None if none is certain."""
    if flags & re.IGNORECASE:
        return None
    parser = getattr(re, "_parser", None)
    try:
        parts = parser.parse(regex, flags) if parser else ()
    except (re.error, ValueError, RecursionError):
        return None
    runs = [""]
    _collect_literals(parser, parts, runs)
    longest = max(runs, key=len)
    usable = len(longest) > 1 and longest.isprintable() and "\ufffd" not in longest
    return longest if usable else None


def _collect_literals(parser, parts, runs: list[str]) -> None:
    for operation, argument in parts:
        if operation is parser.LITERAL:
            runs[-1] += chr(argument)
        elif operation is parser.SUBPATTERN and not argument[1] and not argument[2]:
            _collect_literals(parser, argument[3], runs)  # a group without flags of its own
        else:
            runs.append("")


# --- limits ----------------------------------------------------------------------------------


class Budget:
    """When a scan must end, and how far it is."""

    def __init__(self, ctx, total_bytes: int):
        self._ctx = ctx
        self._ends = time.monotonic() + min(SCAN_SECONDS, ctx.time_left * SCAN_SHARE)
        self._told = time.monotonic()
        self._told_bytes = 0
        self.total_bytes = total_bytes
        self.done_bytes = 0

    def spent(self) -> bool:
        now = time.monotonic()
        done = min(self.done_bytes, self.total_bytes)
        if now - self._told >= PROGRESS_SECONDS and done > self._told_bytes:  # it must rise
            self._told, self._told_bytes = now, done
            self._ctx.progress(done, self.total_bytes, "bytes of log files read")
        return now >= self._ends


class PatternGuard:
    """Ends a regular expression that backtracks without end: Python's `re` polls for signals."""

    def __init__(self, pattern: re.Pattern | None, ctx):
        self._wanted = pattern is not None
        self._seconds = min(SCAN_SECONDS + PATTERN_SECONDS, ctx.time_left * GUARD_SHARE)

    def __enter__(self):
        if self._wanted:
            import signal

            def give_up(number, frame):
                raise QueryError(
                    f"regex: takes over {self._seconds:.1f} s; repeats within repeats such as "
                    "(a+)+ take exponential time: write them flat, or use text"
                )

            self._previous = signal.signal(signal.SIGALRM, give_up)
            signal.setitimer(signal.ITIMER_REAL, max(self._seconds, 0.001))
        return self

    def __exit__(self, *exception):
        if self._wanted:
            import signal

            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._previous)


# --- the scan --------------------------------------------------------------------------------


def scan(query: Query, source: log_files.Source, offset: int, budget: Budget, notes: list[str]):
    """Yields (begin, end, record, parsed) for each match from `offset` on, and (position, position,
    None, None) now and then, so that the caller can end there."""
    first, last = log_files.time_window(source, query.since, query.until)
    needle, lower = query.needle_in(source)
    spans = _spans_with(needle, lower) if needle else _all_spans
    for buffer, end, base in log_files.Windows(source, max(offset, first), notes):
        for number, (begin, stop) in enumerate(spans(buffer, end, source.head), 1):
            if number % RECORDS_PER_TICK == 0:
                yield base + begin, base + begin, None, None
            record = bytes(buffer[begin:stop])
            parsed = source.parse(record)
            if query.accepts(source, parsed) and query.matches(record):
                yield base + begin, base + stop, record, parsed
        budget.done_bytes += end
        yield base + end, base + end, None, None
        if base + end >= last and not source.gzip:
            return


def _all_spans(buffer: bytearray, end: int, head):
    begin = 0
    while begin < end:
        stop = log_files.record_end(buffer, begin, end, head)
        yield begin, stop
        begin = stop


def _spans_with(needle: bytes, lower: bool):
    """The records of a window that hold the needle, each once."""

    def spans(buffer: bytearray, end: int, head):
        text = buffer[:end].lower() if lower else buffer
        resume = 0
        while (found := text.find(needle, resume, end)) >= 0:
            begin = log_files.record_start(buffer, found, resume, head)
            stop = log_files.record_end(buffer, begin, end, head)
            if found + len(needle) <= stop:
                yield begin, stop
            resume = stop

    return spans


# --- pages -----------------------------------------------------------------------------------


def encode_cursor(query: Query, source: log_files.Source, offset: int) -> str:
    body = json.dumps(
        [_digest(query), source.inode, offset, query.since, query.until], separators=(",", ":")
    ).encode()
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")


def _digest(query: Query) -> int:
    return zlib.crc32(json.dumps(query.identity).encode())


def decode_cursor(query: Query, cursor: str, sources: list) -> tuple[int, int]:
    """(index of the source, offset); puts the first page's time range back into the query."""
    try:
        if len(cursor) > CURSOR_CHARS_MAX:
            raise ValueError
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if zlib.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
            raise ValueError
        digest, inode, offset, since, until = json.loads(data[4:])
        if type(offset) is not int or not 0 <= offset < 1 << 62:
            raise ValueError
        if not all(x is None or type(x) in (int, float) for x in (since, until)):
            raise ValueError
    except (ValueError, TypeError, UnicodeError):
        message = "cursor: not one that a search gave out; leave it out to begin anew"
        raise QueryError(message) from None
    if digest != _digest(query):
        raise QueryError("cursor: belongs to another search; repeat that search's other arguments")
    query.since, query.until = since, until
    for index, source in enumerate(sources):
        if source.inode == inode:
            if offset > source.size and not source.gzip:
                break
            return index, offset
    raise QueryError("cursor: its file is gone or shorter now (rotated); search again without it")


def _excerpt(query: Query, record: bytes) -> str:
    """A record's text; of a long one the begin, and the surroundings of what was looked for."""
    text = text_of(record)
    if len(text) <= RECORD_TEXT_MAX:
        return text
    place = 0
    if query.pattern:
        match = query.pattern.search(text)
        place = match.start() if match else 0
    elif query.needle:
        needle = query.needle.decode("utf-8", "replace")
        place = (text.lower() if query.lower else text).find(needle)
    if place < RECORD_TEXT_MAX * 3 // 4:
        return text[:RECORD_TEXT_MAX] + "…"
    begin = place - RECORD_TEXT_MAX // 4
    return text[: RECORD_TEXT_MAX // 4] + " … " + text[begin : begin + RECORD_TEXT_MAX // 2] + "…"


def to_row(query: Query, source: log_files.Source, begin: int, record: bytes, parsed) -> dict:
    return {
        "time": log_formats.log_time.iso(parsed.time),
        "level": None if parsed.level == NO_LEVEL else log_formats.LEVELS[parsed.level],
        "service": parsed.service or source.service,
        "source": source.name,
        "offset": begin,
        "text": _excerpt(query, record),
    }


def search(query: Query, sources: list, cursor: str | None, limit: int, ctx, notes: list) -> dict:
    """One page: {"records", "next_cursor"}; next_cursor is None where nothing is left."""
    index, offset = decode_cursor(query, cursor, sources) if cursor else (0, 0)
    budget = Budget(ctx, sum(source.size for source in sources[index:]))
    rows: list[dict] = []
    size = 0
    with PatternGuard(query.pattern, ctx):
        for source in sources[index:]:
            if not query.may_hold(source):
                budget.done_bytes += source.size
                offset = 0
                continue
            for begin, _, record, parsed in _readable(query, source, offset, budget, notes):
                if record is None:
                    if budget.spent():
                        notes.append("time is up; next_cursor continues")
                        return {
                            "records": rows,
                            "next_cursor": encode_cursor(query, source, begin),
                        }
                    continue
                row = to_row(query, source, begin, record, parsed)
                if len(rows) >= limit or size + len(row["text"]) > PAGE_BYTES_MAX:
                    return {"records": rows, "next_cursor": encode_cursor(query, source, begin)}
                rows.append(row)
                size += len(row["text"]) + len(row["source"]) + 100
            offset = 0
    return {"records": rows, "next_cursor": None}


def _readable(query: Query, source, offset: int, budget: Budget, notes: list):
    """`scan`, but a file that cannot be read (any more) ends with a note."""
    try:
        yield from scan(query, source, offset, budget, notes)
    except (QueryError, MemoryError):
        raise  # the caller's expression, or no memory for any file
    except Exception as error:
        notes.append(f"{source.name}: {log_files.reason_of(error)}")


# --- tail ------------------------------------------------------------------------------------


def tail(query: Query, sources: list, count: int, ctx, notes: list) -> list[dict]:
    """The newest `count` matching records over all sources, oldest first."""
    budget = Budget(ctx, sum(source.size for source in sources))
    rows: list[tuple] = []
    full: set[tuple] = set()  # rotations that gave enough already: their older files need no look
    with PatternGuard(query.pattern, ctx):
        for source in reversed(sources):
            family = source.order[0]
            if not query.may_hold(source) or family in full:
                continue
            if budget.spent():
                notes.append("time is up; older files are left out")
                break
            last = _tail_of(query, source, count, budget, notes)
            rows.extend(last)
            if len(last) >= count:
                full.add(family)
    rows.sort(key=lambda row: row[:2])
    return _fitting([row for _, _, row in rows[-count:]], notes)


def _tail_of(query: Query, source, count: int, budget: Budget, notes: list) -> list[tuple]:
    """The last matches of one file: (instant, position for ties, row).

    Reads a block at the end, and a four times larger one as long as that gives too few.
    """
    block = TAIL_BLOCK_BYTES
    while True:
        begin = 0 if source.gzip else max(0, source.size - block)
        kept: deque = deque(maxlen=count)
        skip_first = begin > 0
        instant = None
        for start, _, record, parsed in _readable(query, source, begin, budget, notes):
            if record is None:
                if budget.spent():
                    break
                continue
            if skip_first and start - begin < 2 * log_files.RECORD_BYTES_MAX:
                continue  # may be the middle of a record
            instant = parsed.time if parsed.time is not None else instant
            key = source.changed if instant is None else instant
            kept.append((key, start, source, record, parsed))
        if len(kept) >= count or begin == 0 or budget.spent():
            return [(k, s, to_row(query, f, s, r, p)) for k, s, f, r, p in kept]
        block *= 4


def _fitting(rows: list[dict], notes: list) -> list[dict]:
    """The newest rows that fit a page."""
    size = 0
    for index in range(len(rows) - 1, -1, -1):
        size += len(rows[index]["text"])
        if size > PAGE_BYTES_MAX:
            notes.append(f"only the newest {len(rows) - index - 1} records fit")
            return rows[index + 1 :]
    return rows
