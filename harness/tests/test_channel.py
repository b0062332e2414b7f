"""What a tool reports while it runs: sent while there is room, dropped beyond, never waited for."""

import contextlib
import io
import threading
import unittest
from unittest import mock

from mcpgate import _channel
from mcpgate._channel import LOG, PROGRESS, QUESTION, RESULT, Channel
from mcpgate._context import Context

MAX = _channel._EVENTS_PER_SECOND_MAX
REQUEST = {"user": "u", "callId": "c", "timeLeftMs": 1000, "tmp": "/tmp"}


class Reports(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.frames: list[int] = []
        for patch in (
            mock.patch.object(_channel, "_write", lambda kind, _: self.frames.append(kind)),
            mock.patch.object(_channel.time, "monotonic", lambda: self.now),
            mock.patch.object(_channel.time, "sleep", mock.Mock(side_effect=AssertionError("slept"))),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        self.channel = Channel()

    def told(self) -> str:
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            self.channel.tell_dropped()
        return stderr.getvalue()

    def test_beyond_a_second_s_worth_they_are_dropped_and_counted(self):
        context = Context(self.channel, REQUEST | {"progress": True})
        for number in range(MAX + 7):
            context.info("x") if number % 2 else context.progress(number)
        self.assertEqual(len(self.frames), MAX)
        self.assertEqual(set(self.frames), {LOG, PROGRESS})
        self.assertIn(f" 7 log messages and progress reports dropped: more than {MAX} ", self.told())
        self.assertEqual(self.told(), "")
        self.now += 1
        context.info("there is room again")
        self.assertEqual(len(self.frames), MAX + 1)

    def test_nobody_listens_so_nothing_is_sent(self):
        context = Context(self.channel, REQUEST | {"progress": False})
        context.info("x")
        context.progress(1)
        self.assertEqual(self.frames, [])

    def test_a_number_that_json_cannot_say_is_named_whether_or_not_anybody_listens(self):
        for listens in (True, False):
            context = Context(self.channel, REQUEST | {"progress": listens})
            for call, kind, words in (
                (lambda: context.progress(2**70), ValueError, "progress is an integer beyond 64 bits"),
                (lambda: context.progress(1, -(2**64)), ValueError, "total is an integer beyond"),
                (lambda: context.progress(float("nan")), ValueError, "progress is nan"),
                (lambda: context.progress(1, float("inf")), ValueError, "total is inf"),
                (lambda: context.progress("1"), TypeError, "progress is a number, not str"),
                (lambda: context.progress(True), TypeError, "progress is a number, not bool"),
            ):
                with self.assertRaisesRegex(kind, words):
                    call()
        self.assertEqual(self.frames, [])
        Context(self.channel, REQUEST | {"progress": True}).progress(2**64 - 1, 2.5)
        self.assertEqual(self.frames, [PROGRESS])

    def test_answer_does_not_wait_for_a_thread_that_logs(self):
        for _ in range(MAX + 1):
            self.channel.report(LOG, {})
        thread = threading.Thread(target=self.channel.report, args=(LOG, {}))
        thread.start()
        self.channel.answer(RESULT, b"{}")
        thread.join()
        self.assertEqual(self.frames[-1], RESULT)

    def test_question_waits_for_room_and_nothing_waits_for_it(self):
        for _ in range(MAX):
            self.channel.report(LOG, {})

        def sleep(seconds: float) -> None:
            self.assertFalse(self.channel._lock.locked())
            self.now += seconds

        with (
            mock.patch.object(_channel.time, "sleep", sleep),
            mock.patch.object(_channel, "_read_frame", lambda kind: {"result": {}}),
        ):
            self.channel.ask("tools/call", {})
        self.assertEqual(self.frames.count(QUESTION), 1)
        self.assertEqual(self.now, 1001.0)


if __name__ == "__main__":
    unittest.main()
