#!/usr/bin/python3
"""log_store against `grep -F`: five literals in a gibibyte of generated logs, in turns.

    tests/bench/log_search.py [--bytes 1Gi] [--rounds 3]

The corpus is made plain (grep reads no .gz) in a temporary folder, read once to fill the page
cache, and deleted. `page` is one call, as a client makes it, with up to 1,000 records; `all` follows
the cursor to the end, so that both programs look at every byte. The ratio is grep's time divided by
ours: above 1 means that we are faster. Target: the median of five is at least 0.5.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "tools" / "log-analysis")]

import log_store  # noqa: E402

LITERALS = (
    "order=ORD-424242 ",
    "NullPointerException",
    "No space left on device: '/var/export",
    "volume /var is full",
    "text that is nowhere",
)
TARGET = 0.5


class Context:
    """As much of mcpgate.Context as log_store uses."""

    time_left = 3600.0

    def __init__(self, corpus: Path):
        self.mounts = {"corpus": corpus}

    def progress(self, *report) -> None:
        pass


def seconds(run) -> tuple[float, int]:
    begin = time.perf_counter()
    count = run()
    return time.perf_counter() - begin, count


def grep(corpus: Path, literal: str) -> int:
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    command = ["grep", "-rhF", "--", literal, corpus]
    return subprocess.run(command, capture_output=True, env=environment).stdout.count(b"\n")


def search(ctx: Context, literal: str, pages_max: int) -> int:
    count, cursor = 0, None
    for _ in range(pages_max):
        page = log_store.log_store(ctx, text=literal, limit=1000, cursor=cursor)
        count += len(page["records"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return count


def measure(corpus: Path, rounds: int) -> float:
    ctx = Context(corpus)
    subprocess.run(["grep", "-rc", "\x01", corpus], stdout=subprocess.DEVNULL)  # page cache
    ratios = []
    print(
        f"{'literal':40} {'lines':>6} {'grep':>7} {'page':>7} {'ratio':>6} {'all':>7} {'ratio':>6}"
    )
    for literal in LITERALS:
        grep_times, page_times, all_times = [], [], []
        for _ in range(rounds):
            duration, lines = seconds(lambda: grep(corpus, literal))  # noqa: B023
            grep_times.append(duration)
            page_times.append(seconds(lambda: search(ctx, literal, 1))[0])  # noqa: B023
            duration, found = seconds(lambda: search(ctx, literal, 10000))  # noqa: B023
            all_times.append(duration)
            if found != lines:
                sys.exit(f"{literal!r}: grep has {lines} lines, log_store {found} records")
        least, page, whole = (statistics.median(t) for t in (grep_times, page_times, all_times))
        ratios.append(least / page)
        print(f"{literal!r:40} {lines:6} {least:6.3f}s {page:6.3f}s {least / page:6.2f} "
              f"{whole:6.3f}s {least / whole:6.2f}")  # fmt: skip
    return statistics.median(ratios)


def main() -> int:
    parser = argparse.ArgumentParser(description="log_store against grep -F.")
    parser.add_argument("--bytes", default="1Gi", help="size of the corpus [1Gi]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mcpgate-bench-") as folder:
        corpus = Path(folder) / "corpus"
        generator = ROOT / "dev" / "make_log_corpus.py"
        subprocess.run([generator, corpus, "--plain", "--bytes", options.bytes], check=True)
        ratio = measure(corpus, options.rounds)
    print(f"median ratio of one call: {ratio:.2f} (target {TARGET})")
    return 0 if ratio >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
