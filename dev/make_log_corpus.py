#!/usr/bin/python3
"""Makes a log corpus: several services, three days, four incidents, personal data in it.

    dev/make_log_corpus.py [FOLDER] [--bytes 4Mi] [--plain] [--seed 1] [--end 2026-11-20T18:00:00Z]

The same arguments give the same bytes and file times. The data is invented; names, numbers and
keys follow the shapes of real ones, so that search, summary and scrubbing have something to find.

Incidents, as shares of the time span: a deploy with an error spike at 0.30, a brute-force login at
0.55, an exhausted database pool at 0.78, a disk that fills from 0.86 on.
"""

import argparse
import base64
import calendar
import gzip
import json
import os
import random
import re
import shutil
import sys
import time
from pathlib import Path

SPAN_SECONDS = 3 * 86400
END = "2026-11-20T18:00:00Z"
MARKER = ".log-corpus"  # stands in a folder that this program made and may replace

FIRST = "Alice Bob Carol Dan Erin Femi Grace Hiro Ines Jack Kemal Lena Mei Noor Olga Pavel".split()
LAST = "Adams Becker Costa Diaz Evans Fischer Garcia Haas Ito Jones Kaya Lopez Mori Novak".split()
PATHS = ["/", "/login", "/api/v1/orders/%d", "/api/v1/cart/%d", "/api/v1/payments", "/health",
         "/static/app.js", "/api/v1/users/%d/profile", "/search?q=item%d"]  # fmt: skip
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) Firefox/132.0", "curl/8.9.1", "okhttp/4.12.0",
          "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1"]  # fmt: skip
TOP_LEVEL = ["com", "org", "net"]
ATTACKER = "203.0.113.66"

DEPLOY, BRUTE_FORCE, POOL, DISK = (0.30, 0.31), (0.55, 0.56), (0.78, 0.80), (0.86, 0.93)

POOL_TRACE = """java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.
\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:696)
\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:181)
\tat com.example.payments.ChargeRepository.save(ChargeRepository.java:57)
\tat com.example.payments.ChargeController.charge(ChargeController.java:112)
Caused by: org.postgresql.util.PSQLException: FATAL: remaining connection slots are reserved
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2676)
\t... 42 more"""  # noqa: E501 (a stack trace as Java prints it)
NULL_TRACE = """java.lang.NullPointerException: Cannot invoke "Currency.getCode()" because "currency" is null
\tat com.example.payments.PriceFormatter.format(PriceFormatter.java:33)
\tat com.example.payments.ChargeController.charge(ChargeController.java:98)
\tat java.base/java.lang.Thread.run(Thread.java:1583)"""  # noqa: E501
LOGIN_TRACE = """Traceback (most recent call last):
  File "/srv/auth/login.py", line 88, in check_password
    record = self.store.load(user)
  File "/srv/auth/store.py", line 41, in load
    raise StoreTimeout(f"no answer in {self.timeout} s")
auth.store.StoreTimeout: no answer in 5 s"""


def within(share: float, incident: tuple[float, float]) -> bool:
    return incident[0] <= share < incident[1]


class People:
    """Invented persons with consistent data."""

    def __init__(self, rng: random.Random, count: int = 400):
        self.rows = []
        for number in range(count):
            first, last = rng.choice(FIRST), rng.choice(LAST)
            self.rows.append(
                {
                    "id": 10000 + number,
                    "name": f"{first} {last}",
                    "email": f"{first}.{last}{number}@example.{rng.choice(TOP_LEVEL)}".lower(),
                    "phone": rng.choice(["+1-202-555-01%02d", "+44 20 7946 09%02d"])
                    % (number % 100),
                    "card": card_number(rng),
                    "iban": iban(rng),
                    "ssn": "%d-%d-%d"
                    % (rng.randrange(100, 665), rng.randrange(10, 99), rng.randrange(1000, 9999)),
                    "ip": f"198.51.100.{rng.randrange(1, 255)}",
                    "token": token(rng, number),
                }
            )

    def any(self, rng: random.Random) -> dict:
        return self.rows[int(rng.random() * len(self.rows))]


def card_number(rng: random.Random) -> str:
    digits = [4] + [rng.randrange(10) for _ in range(14)]
    total = sum(d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits))
    digits.append(-total % 10)
    text = "".join(map(str, digits))
    return " ".join(text[i : i + 4] for i in range(0, 16, 4))


def iban(rng: random.Random) -> str:
    account = "".join(str(rng.randrange(10)) for _ in range(18))
    check = 98 - int(account + "131400") % 97  # D = 13, E = 14
    return f"DE{check:02}{account}"


def token(rng: random.Random, number: int) -> str:
    parts = [b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"%d"}' % number, rng.randbytes(32)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


# --- services: (rng, people, instant, share of the span) -> one record as text ------------------


def stamp(instant: float, form: str, milliseconds: str = "") -> str:
    """The instant in strftime's form; with `milliseconds` ("," or ".") they follow it."""
    text = time.strftime(form, time.gmtime(instant))
    return f"{text}{milliseconds}{int(instant * 1000) % 1000:03}" if milliseconds else text


def gateway_access(rng, people, instant, share):
    ip, path, status = people.any(rng)["ip"], rng.choice(PATHS), 200
    if within(share, BRUTE_FORCE) and rng.random() < 0.8:
        ip, path, status = ATTACKER, "/login", 401
    elif within(share, POOL) and rng.random() < 0.5:
        path, status = "/api/v1/payments", rng.choice([503, 504])
    elif within(share, DEPLOY) and rng.random() < 0.4:
        status = 502
    elif rng.random() < 0.03:
        status = rng.choice([301, 400, 404, 500])
    if "%" in path:
        path %= int(rng.random() * 90000) + 10000
    method = "POST" if path in ("/login", "/api/v1/payments") else "GET"
    when = stamp(instant, "%d/%b/%Y:%H:%M:%S +0000")
    size, agent = int(rng.random() * 20000), rng.choice(AGENTS)
    return f'{ip} - - [{when}] "{method} {path} HTTP/1.1" {status} {size} "-" "{agent}"'


def gateway_error(rng, people, instant, share):
    when = stamp(instant, "%Y/%m/%d %H:%M:%S")
    ip, number = people.any(rng)["ip"], int(rng.random() * 1e6)
    if within(share, POOL):
        what = "upstream timed out (110: Connection timed out) while reading response header"
    elif within(share, DEPLOY):
        what = "connect() failed (111: Connection refused) while connecting to upstream"
    else:
        return f"{when} [warn] 31#31: *{number} a client request body is buffered, client: {ip}"
    upstream = "http://10.0.3.17:8080/"
    return f'{when} [error] 31#31: *{number} {what}, client: {ip}, upstream: "{upstream}"'


def payments(rng, people, instant, share):
    when = stamp(instant, "%Y-%m-%d %H:%M:%S", ",")
    thread = f"http-nio-8080-exec-{int(rng.random() * 20) + 1}"
    order = f"order=ORD-{int(rng.random() * 9e5) + 100000}"

    def line(level: str, text: str) -> str:
        return f"{when} {level} [{thread}] c.e.payments.ChargeController - {text}"

    if within(share, POOL) and rng.random() < 0.6:
        return line("ERROR", f"charge failed {order}\n{POOL_TRACE}")
    if within(share, DEPLOY) and rng.random() < 0.4:
        return line("ERROR", f"charge failed {order}\n{NULL_TRACE}")
    one, draw = people.any(rng), rng.random()
    if draw < 0.02:
        return line("WARN", f"card {one['card']} declined for {one['name']} <{one['email']}>")
    if draw < 0.03:
        return line("INFO", f"payout {order} iban={one['iban']} phone {one['phone']}")
    amount = int(rng.random() * 20000) / 100
    return line("INFO", f"charge accepted {order} amount={amount:.2f} EUR customer={one['id']}")


def auth(rng, people, instant, share):
    when = stamp(instant, "%Y-%m-%d %H:%M:%S", ",")
    one, draw = people.any(rng), rng.random()

    def line(logger: str, level: str, text: str) -> str:
        return f"{when} - auth.{logger} - {level} - {text}"

    if within(share, BRUTE_FORCE) and draw < 0.9:
        text = f"failed login user=admin ip={ATTACKER} attempt={int(draw * 9e4)}"
        return line("login", "WARNING", text)
    if within(share, POOL) and draw < 0.2:
        return line("login", "ERROR", f"login of {one['email']} failed\n{LOGIN_TRACE}")
    if draw < 0.01:
        return line("session", "DEBUG", f"bearer {one['token']}")
    if draw < 0.015:
        return line("profile", "INFO", f"identity of {one['name']} verified, ssn {one['ssn']}")
    if draw < 0.05:
        return line("login", "WARNING", f"failed login user={one['email']} ip={one['ip']}")
    return line("login", "INFO", f"login user={one['email']} ip={one['ip']}")


def worker(rng, people, instant, share):
    number = int(rng.random() * 1e6)
    record = {
        "time": stamp(instant, "%Y-%m-%dT%H:%M:%S", ".") + "Z",
        "level": "info",
        "service": "worker",
        "msg": f"job {number} done",
        "job": number,
        "queue": rng.choice(["mail", "invoice", "export"]),
        "duration_ms": int(rng.random() * 900),
    }
    if within(share, POOL) and rng.random() < 0.5:
        record |= {"level": "warn", "msg": f"job {number} retried: database unavailable"}
    elif within(share, DISK) and rng.random() < 0.3:
        error = "OSError: [Errno 28] No space left on device: '/var/export/out.csv'"
        record |= {"level": "error", "msg": f"export {number} failed", "error": error}
    elif record["queue"] == "mail":
        record["to"] = people.any(rng)["email"]
    return json.dumps(record)


def host(rng, people, instant, share):
    day = f"{time.gmtime(instant).tm_mday:2}"
    head = stamp(instant, f"%b {day} %H:%M:%S") + " node1"
    port, draw = int(rng.random() * 60000) + 1024, rng.random()
    if within(share, BRUTE_FORCE) and draw < 0.8:
        return f"{head} sshd[{port}]: Failed password for root from {ATTACKER} port {port} ssh2"
    if within(share, DISK) and draw < 0.2:
        return f"{head} kernel: EXT4-fs warning (device sda1): write: No space left on device"
    if draw < 0.5:
        return f"{head} CRON[{port}]: (root) CMD (/usr/lib/sysstat/sa1 1 1)"
    if draw < 0.8:
        return f"{head} systemd[1]: Started session-{port}.scope - Session {port} of User deploy."
    address = f"10.0.0.{port % 250}"
    return f"{head} sshd[{port}]: Accepted publickey for deploy from {address} port {port} ssh2"


def storage(rng, people, instant, share):
    used = 61 + int(share * 20)
    if within(share, DISK):
        used = min(100, 82 + int((share - DISK[0]) / (DISK[1] - DISK[0]) * 19))
    state = "is full," if used >= 99 else "at"
    priority = 27 if used >= 99 else 28 if used >= 82 else 30  # daemon.err, .warning, .info
    when = stamp(instant, "%Y-%m-%dT%H:%M:%S", ".") + "Z"
    head = f"<{priority}>1 {when} node2 diskwatch {int(rng.random() * 900) + 100} USAGE"
    return f'{head} [vol@32473 mount="/var" used="{used}"] volume /var {state} {used} %'


# file, writer, share of the bytes, mean bytes a record, rotations (the oldest one gzipped)
FILES = [
    ("gateway/access.log", gateway_access, 0.38, 135, 3),
    ("gateway/error.log", gateway_error, 0.03, 120, 1),
    ("payments/payments.log", payments, 0.24, 140, 2),
    ("auth/auth.log", auth, 0.14, 100, 2),
    ("worker/worker.jsonl", worker, 0.12, 170, 1),
    ("host/syslog", host, 0.06, 85, 2),
    ("storage/diskwatch.log", storage, 0.03, 110, 1),
]


def write_file(folder: Path, entry: tuple, options: argparse.Namespace) -> int:
    name, writer, part, mean, rotations = entry
    rng = random.Random(f"{options.seed} {name}")
    people = People(random.Random(f"{options.seed} people"))
    count = max(20, int(options.bytes * part / mean))
    written = 0
    for rotation in range(rotations):
        suffix = f".{rotations - 1 - rotation}" if rotation < rotations - 1 else ""
        gzipped = rotations > 1 and rotation == 0 and not options.plain
        path = folder / (name + suffix + (".gz" if gzipped else ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        instant = options.end
        with open(path, "wb", buffering=1 << 20) as raw:
            sink = gzip.GzipFile("", "wb", 6, raw, mtime=0) if gzipped else raw
            for index in range(count * rotation // rotations, count * (rotation + 1) // rotations):
                share = (index + rng.random()) / count
                instant = options.end - SPAN_SECONDS * (1 - share)
                sink.write(writer(rng, people, instant, share).encode() + b"\n")
            if gzipped:
                sink.close()
        os.utime(path, (int(instant), int(instant)))
        written += path.stat().st_size
    return written


def make(options: argparse.Namespace) -> int:
    """Writes beside the folder and then swaps: readers never see half a corpus."""
    folder = options.folder
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        sys.exit(f"make_log_corpus: {folder} is not empty and not a log corpus; not touched")
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    (fresh / MARKER).write_bytes(b"")
    os.utime(fresh / MARKER, (options.end, options.end))
    written = sum(write_file(fresh, entry, options) for entry in FILES)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return written


def parse_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)(Ki|Mi|Gi)?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 4Mi or 1Gi")
    return int(match[1]) << {None: 0, "Ki": 10, "Mi": 20, "Gi": 30}[match[2]]


def parse_end(text: str) -> float:
    try:
        return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form {END}") from None


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description="Makes a log corpus with a fixed seed.")
    parser.add_argument("folder", nargs="?", type=Path, default=root / "build" / "log-corpus")
    parser.add_argument("--bytes", type=parse_bytes, default="4Mi", help="about how much [4Mi]")
    parser.add_argument("--plain", action="store_true", help="no file is gzipped")
    parser.add_argument("--seed", default="1", help="[1]")
    parser.add_argument("--end", type=parse_end, default=END, help=f"time of the last line [{END}]")
    options = parser.parse_args()
    written = make(options)
    print(f"{options.folder}: {written / 2**20:.1f} MiB of logs")


if __name__ == "__main__":
    main()
