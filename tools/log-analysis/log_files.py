"""Which log files there are below the data mounts, and their bytes.

A file is read as *windows*: stretches of complete records in one reused buffer, so that a search
looks at megabytes with one call of `bytearray.find` and memory stays constant. Where a window ends
depends on the records alone, not on where reading began, so a position can be handed out and
resumed at exactly.
"""

import os
import re
import stat

import log_formats

FILES_MAX = 2000
DEPTH_MAX = 16
SAMPLE_BYTES = 16 << 10
# A window: fits the processor's second-level cache, and is the longest line searched whole.
WINDOW_BYTES = 512 << 10
# A line further than this from the head of its record is a record of its own.
RECORD_BYTES_MAX = 64 << 10
RECORD_LINES_MAX = 1000
# What a .gz may become: logs shrink to a tenth, rarely to a fiftieth; a bomb to a thousandth.
GZIP_RATIO_MAX = 200
GZIP_FLOOR_BYTES = 64 << 20
GZIP_BYTES_MAX = 2 << 30
# Places of a large file whose times are read to skip what lies outside a time range.
PROBES = 64
PROBE_FILE_BYTES_MIN = 4 << 20
PROBE_SLACK_SECONDS = 600

_BINARY_STEMS = ("wtmp", "btmp", "lastlog", "faillog")
_PACKED_SUFFIXES = (".xz", ".bz2", ".zst", ".lz4", ".zip", ".7z", ".tar")
# A file's name may hold any character, line ends too.
_ROTATION = re.compile(
    r"(.+?)(?:\.(\d{1,4})|[.-](\d{8}(?:-?\d{2,6})?))?(\.gz)?", re.IGNORECASE | re.DOTALL
)
_STEM_END = re.compile(r"\.(?:log|txt|out|err|jsonl?|ndjson|gz)$", re.IGNORECASE)
_CONTAINER = re.compile(r"[^_]+_[^_]+_(.+)-[0-9a-f]{64}")
# File names that say nothing without their folder's.
_GENERIC = frozenset(
    "access error other_vhosts_access history term app application server main current log stdout "
    "stderr out err output".split()
)


class Source:
    """One log file. `name` is what answers print: mount/path."""

    def __init__(self, name: str, path: str, status: os.stat_result):
        self.name = name
        self.path = path
        self.size = status.st_size
        self.changed = status.st_mtime
        self.inode = f"{status.st_dev:x}-{status.st_ino:x}"
        folder, file_name = name.rsplit("/", 1)
        base, number, date, _ = _ROTATION.fullmatch(file_name).groups()
        # Oldest first: the highest number, the earliest date, the file being written last.
        self.order = (
            f"{folder}/{base}",
            0 if number or date else 1,
            -int(number or 0),
            date or "",
        )
        self.service = _service_of(folder, base)
        self.folder = folder.rsplit("/", 1)[-1] if "/" in folder else ""

    def look(self, offset_minutes: int) -> None:
        """Reads a sample; sets gzip, format, head and clock. OSError, or ValueError if binary."""
        fd = self._open_fd()
        try:
            sample = os.read(fd, SAMPLE_BYTES)
        finally:
            os.close(fd)
        self.gzip = sample.startswith(b"\x1f\x8b")
        if self.gzip:
            sample = _inflated_sample(sample)
        if b"\0" in sample[:8192]:
            raise ValueError("binary")
        self.format = log_formats.likely_format(sample)
        self.head = log_formats.head_pattern(sample).match
        self.clock = log_formats.Clock(self.changed, offset_minutes)
        self.sample = sample

    def _open_fd(self) -> int:
        # O_NONBLOCK: should the name have become a FIFO since it was listed, open does not hang.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(self.path, flags)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{self.name} is no regular file any more")
        return fd

    def open(self, notes: list[str]):
        """A reader with readinto(view) -> int and close()."""
        raw = os.fdopen(self._open_fd(), "rb", buffering=0)
        return GzipReader(self, raw, notes) if self.gzip else raw

    def parse(self, record: bytes) -> log_formats.Parsed:
        end = record.find(b"\n")
        line = record if end < 0 else record[:end]
        return log_formats.parse_head(line.rstrip(b"\r"), self.clock, self.format)

    def is_of(self, service: str) -> bool:
        """Whether the file as a whole belongs to the service (its name, in lower case)."""
        return service in (self.service.lower(), self.folder.lower(), self.name.lower())


def _service_of(folder: str, base: str) -> str:
    stem = base
    while (shorter := _STEM_END.sub("", stem)) != stem and shorter:
        stem = shorter
    if container := _CONTAINER.fullmatch(stem):
        return container[1]
    if (stem.isdigit() or stem.lower() in _GENERIC) and "/" in folder:
        return folder.rsplit("/", 1)[-1]
    return stem


def _inflated_sample(sample: bytes) -> bytes:
    import zlib

    try:
        return zlib.decompressobj(wbits=31).decompress(sample, SAMPLE_BYTES)
    except zlib.error as error:
        raise ValueError(f"not a readable gzip file: {error}") from None


class GzipReader:
    """Inflates; stops at the first damage or at the size limit, and says so in `notes`."""

    def __init__(self, source: Source, raw, notes: list[str]):
        import gzip
        import zlib

        self._errors = (OSError, EOFError, zlib.error)
        self._name = source.name
        self._raw = raw
        self._gzip = gzip.GzipFile(fileobj=raw)
        self._left = min(GZIP_BYTES_MAX, max(GZIP_FLOOR_BYTES, source.size * GZIP_RATIO_MAX))
        self._notes = notes

    def readinto(self, view: memoryview) -> int:
        if self._left == 0:
            return 0
        try:
            data = self._gzip.read1(min(len(view), self._left))
        except self._errors as error:
            self._stop(f"{self._name}: damaged gzip, read up to the damage ({error})")
            return 0
        view[: len(data)] = data
        self._left -= len(data)
        if self._left == 0:
            self._stop(f"{self._name}: expands too far, read up to the limit")
        return len(data)

    def _stop(self, note: str) -> None:
        self._left = 0
        if note not in self._notes:
            self._notes.append(note)

    def close(self) -> None:
        self._gzip.close()
        self._raw.close()


# --- windows ---------------------------------------------------------------------------------


def next_line(buffer: bytearray, position: int, end: int) -> int:
    """Where the line after `position` begins; `end` if there is none."""
    newline = buffer.find(b"\n", position, end)
    return end if newline < 0 else newline + 1


def record_start(buffer: bytearray, position: int, floor: int, head) -> int:
    """Where the record that holds `position` begins. A record begins at `floor`."""
    line = max(buffer.rfind(b"\n", floor, position) + 1, floor)
    start = line
    for _ in range(RECORD_LINES_MAX):
        if head(buffer, start):
            return start
        if start <= floor:
            break
        start = max(buffer.rfind(b"\n", floor, start - 1) + 1, floor)
        if line - start >= RECORD_BYTES_MAX:
            break
    return line  # no head near enough: a record of its own


def record_end(buffer: bytearray, start: int, end: int, head) -> int:
    """Where the record that begins at `start` ends, at most `end`."""
    line = next_line(buffer, start, end)
    if line >= end or not head(buffer, start):
        return line
    for _ in range(RECORD_LINES_MAX - 1):
        if line >= end or line - start >= RECORD_BYTES_MAX or head(buffer, line):
            break
        line = next_line(buffer, line, end)
    return line


def _cut(buffer: bytearray, filled: int, head) -> int:
    """The end of the last record of which it is certain that it is complete; 0 if there is none."""
    end = buffer.rfind(b"\n", 0, filled) + 1
    if end == 0:
        return 0
    last = record_start(buffer, end - 1, 0, head)
    return last if head(buffer, last) else end


class Windows:
    """Iterates (buffer, end, base): buffer[:end] holds complete records, buffer[0] is at `base`.

    `offset` must be where a record ends or begins. The buffer is reused: it is valid until the
    next step. Of a line that fills a window the rest is skipped, with a note.
    """

    def __init__(self, source: Source, offset: int, notes: list[str]):
        self._source = source
        self._offset = offset
        self._notes = notes
        self._buffer = bytearray(WINDOW_BYTES)
        self._view = memoryview(self._buffer)

    def __iter__(self):
        buffer, head = self._buffer, self._source.head
        reader = self._source.open(self._notes)
        try:
            base, start, filled = self._begin(reader)
            while True:
                buffer[: filled - start] = buffer[start:filled]
                filled, ended = self._fill(reader, filled - start)
                cut = filled if ended else _cut(buffer, filled, head)
                if filled:
                    yield buffer, cut or filled, base
                if ended:
                    return
                if cut:
                    base, start = base + cut, cut
                else:
                    base, start, filled = self._skip_line(reader, base + filled)
                    self._note_long_line()
        finally:
            reader.close()

    def _begin(self, reader) -> tuple[int, int, int]:
        """Goes to the offset. Returns where the buffer's unread text lies: (base, start, end)."""
        if self._offset == 0:
            return 0, 0, 0
        left = self._offset - 1
        if not self._source.gzip:
            reader.seek(left)
            left = 0
        while left > 0:
            count = reader.readinto(self._view[: min(left, WINDOW_BYTES)])
            if not count:
                return self._offset, 0, 0
            left -= count
        if reader.readinto(self._view[:1]) and self._buffer[0] != 10:
            return self._skip_line(reader, self._offset)  # the rest of a line that was too long
        return self._offset, 0, 0

    def _fill(self, reader, filled: int) -> tuple[int, bool]:
        """Reads until the buffer is full or the file ends."""
        while filled < WINDOW_BYTES:
            count = reader.readinto(self._view[filled:])
            if not count:
                return filled, True
            filled += count
        return filled, False

    def _skip_line(self, reader, base: int) -> tuple[int, int, int]:
        """Reads from `base` on until a line ends: (position after it, its place, end of text)."""
        while count := reader.readinto(self._view):
            start = self._buffer.find(b"\n", 0, count) + 1
            if start:
                return base + start, start, count
            base += count
        return base, 0, 0

    def _note_long_line(self) -> None:
        note = f"{self._source.name}: of lines over {WINDOW_BYTES >> 10} KiB only the begin is read"
        if note not in self._notes:
            self._notes.append(note)


# --- discovery -------------------------------------------------------------------------------


def discover(mounts: dict, offset_minutes: int = 0) -> tuple[list[Source], list[dict]]:
    """All readable log files, oldest first within a rotation, and what was left out and why."""
    found: list[Source] = []
    skipped: list[dict] = []
    for mount in sorted(mounts):
        root = os.path.realpath(mounts[mount])
        if not os.path.isdir(root):
            if os.path.isfile(root):
                _consider(f"{mount}/{os.path.basename(root)}", root, root, found, skipped)
            else:
                skipped.append({"source": mount, "reason": "the data mount does not exist"})
            continue
        _walk(mount, root, found, skipped)
    sources, seen = [], set()
    for source in found:
        if source.inode in seen:
            continue  # a link to a file that is listed anyway
        seen.add(source.inode)
        try:
            source.look(offset_minutes)
            sources.append(source)
        except Exception as error:  # one file never ends the call
            skipped.append({"source": source.name, "reason": reason_of(error)})
    sources.sort(key=lambda source: source.order)
    return sources, skipped


def reason_of(error: Exception) -> str:
    """Why a file was left out; what nobody expected has its type."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def _walk(mount: str, root: str, found: list[Source], skipped: list[dict]) -> None:
    folders = [(mount, root, 0)]
    while folders:
        name, path, depth = folders.pop()
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            skipped.append({"source": name + "/", "reason": reason_of(error)})
            continue
        for entry in entries:
            entry_name = f"{name}/{_printable(entry.name)}"
            if entry.is_dir(follow_symlinks=False):
                if depth < DEPTH_MAX:
                    folders.append((entry_name, entry.path, depth + 1))
                else:
                    skipped.append({"source": entry_name + "/", "reason": "too deep"})
            elif len(found) >= FILES_MAX:
                skipped.append({"source": name + "/", "reason": f"over {FILES_MAX} files"})
                return
            else:
                _consider(entry_name, entry.path, root, found, skipped)


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _consider(name: str, path: str, root: str, found: list[Source], skipped: list[dict]) -> None:
    """Takes a file or says why not."""
    try:
        _take(name, path, root, found, skipped)
    except Exception as error:  # one file never ends the call
        skipped.append({"source": name, "reason": reason_of(error)})


def _take(name: str, path: str, root: str, found: list[Source], skipped: list[dict]) -> None:
    """Follows a link only to a file within the mount."""
    real = os.path.realpath(path, strict=True)
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        raise ValueError("a link that leads out of the data mount")
    status = os.stat(real, follow_symlinks=False)
    file_name = os.path.basename(real)
    if file_name.lower().endswith(_PACKED_SUFFIXES):
        suffix = file_name.rsplit(".", 1)[1]
        skipped.append({"source": name, "reason": f"packed as {suffix}; only gzip is read"})
    elif file_name.split(".", 1)[0] in _BINARY_STEMS or file_name.endswith(
        (".journal", ".journal~")
    ):
        skipped.append({"source": name, "reason": "binary"})
    elif stat.S_ISREG(status.st_mode):
        if status.st_size:
            found.append(Source(name, real, status))
    elif not stat.S_ISDIR(status.st_mode):
        skipped.append({"source": name, "reason": "not a regular file"})


# --- time ranges in large files ----------------------------------------------------------------


def time_window(source: Source, since: float | None, until: float | None) -> tuple[int, int]:
    """The stretch (begin, end) of a file that can hold records of a time range.

    A large plain file whose times rise is narrowed by looking at PROBES places; every other file
    is taken whole. `end` may cut a record; a record that begins before it counts.
    """
    if (since is None and until is None) or source.gzip or source.size < PROBE_FILE_BYTES_MIN:
        return 0, source.size
    probes = _probes(source)
    times = [instant for _, instant in probes]
    rises = all(b >= a - PROBE_SLACK_SECONDS for a, b in zip(times, times[1:]))
    if len(probes) < PROBES // 2 or not rises:
        return 0, source.size
    begin, end = 0, source.size
    for offset, instant in probes:
        if since is not None and instant < since - PROBE_SLACK_SECONDS:
            begin = offset
        if until is not None and instant > until + PROBE_SLACK_SECONDS:
            end = offset
            break
    return begin, end


def _probes(source: Source) -> list[tuple[int, float]]:
    """Places where a record begins, with its time, evenly spread."""
    fd = source._open_fd()
    try:
        probes = []
        for place in range(PROBES):
            offset = source.size * place // PROBES
            data = bytearray(os.pread(fd, 16 << 10, offset))
            start = next_line(data, 0, len(data)) if offset else 0
            while start < len(data) and not source.head(data, start):
                start = next_line(data, start, len(data))
            if start < len(data):
                instant = source.parse(bytes(data[start:])).time
                if instant is not None:
                    probes.append((offset + start, instant))
        return probes
    finally:
        os.close(fd)


# --- what a file is about ----------------------------------------------------------------------


def survey(source: Source) -> tuple[set[str], float | None, float | None]:
    """(services, first instant, last instant) of the records at both ends of a file.

    Of a .gz only the beginning is looked at; its last instant is its file's last change.
    """
    services: set[str] = set()
    times: list[float] = []
    for sample in (source.sample, _last_bytes(source)):
        for line in sample.split(b"\n")[:100]:
            if source.head(line):
                parsed = source.parse(line)
                services.add(parsed.service or source.service)
                if parsed.time is not None:
                    times.append(parsed.time)
    if not times:
        return services or {source.service}, None, None
    last = max(times)
    return services, min(times), max(last, source.changed) if source.gzip else last


def _last_bytes(source: Source) -> bytes:
    """Whole lines at a file's end, the newest ones last."""
    if source.gzip or source.size <= SAMPLE_BYTES:
        return b""
    try:
        fd = source._open_fd()
        try:
            data = os.pread(fd, SAMPLE_BYTES, source.size - SAMPLE_BYTES)
        finally:
            os.close(fd)
    except OSError:
        return b""
    return b"\n".join(data.split(b"\n")[1:][-100:])
