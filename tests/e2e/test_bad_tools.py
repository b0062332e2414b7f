"""Tools that do what a tool should not: each ends as design.md 5.4 says, nothing of it is left, and
calls of others go on beside it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.processes import descendants, wait_until
from support.rpc import reason_of, text_of
from support.undisturbed import undisturbed

WALL_SECONDS = 8  # limits.wall of the fixture's set
# By which a busy machine may be late.
LATE_SECONDS_MAX = 60


def processes(gateway) -> int:
    return len(descendants(gateway.process.pid))


def processes_at_rest(gateway) -> int:
    """How many there are between calls: the least of a fifth of a second."""
    counts = []
    for _ in range(20):
        counts.append(processes(gateway))
        time.sleep(0.01)
    return min(counts)


@pytest.fixture
def nothing_left(gateway, tester):
    """Nothing of a call outlives it: after the test there are as many processes as before."""
    tester.call("echo", {"text": "warm"})
    before = processes_at_rest(gateway)
    yield
    wait_until(lambda: processes(gateway) <= before, "no process of the call is left")


def call(tester, name: str, arguments: dict | None = None) -> tuple[dict, float]:
    """The result of a bad tool, and its seconds, while another caller goes on undisturbed."""
    with undisturbed(tester):
        started = time.monotonic()
        result = tester.call(name, arguments)
        return result, time.monotonic() - started


@pytest.mark.usefixtures("nothing_left")
class TestBadTool:
    def test_that_raises(self, tester):
        result, _ = call(tester, "raises")
        assert result["isError"] is True
        assert "the tool's own mistake" in text_of(result)
        assert "/" not in text_of(result), "no path, no traceback, for the caller"
        assert reason_of(result) is None

    def test_that_prints_100_mb(self, tester):
        result, _ = call(tester, "prints_100_mb")
        assert result["isError"] is True
        assert reason_of(result) == "output"

    def test_that_returns_100_mb(self, tester):
        result, _ = call(tester, "returns_100_mb")
        assert result["isError"] is True
        assert reason_of(result) in ("output", "memory"), "100 MB are near its memory limit too"
        assert len(text_of(result)) < 1000

    def test_that_returns_no_json(self, tester):
        result, _ = call(tester, "returns_no_json")
        assert result["isError"] is True
        assert reason_of(result) is None
        assert text_of(result)

    @pytest.mark.parametrize("code", [0, 1, 42])
    def test_that_exits(self, tester, code):
        result, _ = call(tester, "exits", {"code": code})
        assert result["isError"] is True
        assert reason_of(result) == "crashed"

    def test_that_segfaults(self, tester):
        result, _ = call(tester, "segfaults")
        assert result["isError"] is True
        assert reason_of(result) == "crashed"

    @pytest.mark.parametrize("name", ["loops", "sleeps"])
    def test_that_never_ends(self, tester, name):
        result, seconds = call(tester, name)
        assert result["isError"] is True
        assert reason_of(result) == "timeout"
        assert WALL_SECONDS - 0.2 < seconds < WALL_SECONDS + LATE_SECONDS_MAX

    def test_that_forks(self, tester):
        result, _ = call(tester, "forks")
        assert result.get("isError") or text_of(result).endswith(" processes")

    def test_that_leaves_threads(self, tester):
        result, seconds = call(tester, "leaves_threads")
        assert not result.get("isError")
        assert text_of(result).endswith(" threads")
        assert seconds < WALL_SECONDS, "the answer waited for the threads"

    def test_that_eats_memory(self, tester):
        result, _ = call(tester, "eats_memory")
        assert result["isError"] is True
        assert reason_of(result) == "memory"

    def test_whose_client_goes_away(self, gateway, tester):
        """Nobody waits for the answer any more: its process ends long before its time."""
        before = len(gateway.records())
        connection = gateway.client(tester.key, modern=True).begin_call("sleeps", {})
        wait_until(lambda: self.of(gateway, before, "mcp_call_start"), "the call is under way")
        connection.close()
        record = wait_until(lambda: self.of(gateway, before, "mcp_request"), "its end is recorded")[
            0
        ]
        assert record["status"] == "cancelled"
        assert record["duration_ms"] < 1000 * WALL_SECONDS

    @staticmethod
    def of(gateway, before: int, kind: str) -> list[dict]:
        return [
            r for r in gateway.records()[before:] if r["type"] == kind and r["tool"] == "sleeps"
        ]


def test_each_bad_tool_is_recorded_with_its_end(gateway, tester):
    before = len(gateway.records())
    for name in ("raises", "segfaults", "sleeps"):
        tester.call(name)
    new = gateway.records()[before:]
    ends = {r["tool"]: r for r in new if r["type"] == "mcp_request"}
    assert {name: ends[name]["status"] for name in ends} == {
        "raises": "error",
        "segfaults": "error",
        "sleeps": "error",
    }
    assert ends["sleeps"]["duration_ms"] >= 1000 * (WALL_SECONDS - 0.2)


def test_calls_beyond_the_places_wait_their_turn(tester):
    """inFlight is 4: eight calls of half a second take two turns, and none is refused."""
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        results = list(pool.map(lambda _: tester.call("wait", {"seconds": 0.5}), range(8)))
        seconds = time.monotonic() - started
    assert [text_of(result) for result in results] == ["waited 0.5 s"] * 8
    assert seconds >= 0.95
