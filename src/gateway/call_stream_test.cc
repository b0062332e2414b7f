// Streams of calls that their clients lose or are asked to leave, and take up again.

#include "gateway/call_stream.h"

#include "gateway/call_chain.h"
#include "gateway/stream_test_support.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kReporting =
    R"("name":"write","arguments":{},"_meta":{"progressToken":1})";

class CallStreamTest : public StreamTest {
 protected:
  CallStreamTest() {
    sandbox_.behaviour = &report_and_wait;
    sandbox_.events = {sandbox::write_progress_event(R"({"progress":1})")};
  }

  /// `events`; then, once the test calls released.cancel(), `result`.
  static Task<void> report_and_wait(FakeSandbox& self, http::Responder& responder) {
    responder.on_disconnect([&self] {
      ++self.disconnected;
      self.released.cancel();
    });
    (void)co_await responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
    for (const std::string& event : self.events) {
      (void)co_await responder.write(event);
    }
    ++self.waiting;
    (void)co_await self.released.async_wait(kAwait);
    (void)co_await responder.write(
        sandbox::write_answer(sandbox::AnswerForm::kEvent, self.result, {}, "strict"));
    (void)co_await responder.finish();
  }

  std::shared_ptr<Stream> call(const std::string& session,
                               const std::string& version = "2025-11-25") {
    return open(with(with(legacy("tools/call", kReporting), "Mcp-Session-Id", session),
                     "MCP-Protocol-Version", version),
                alice_);
  }
  std::shared_ptr<Stream> come_back(const std::string& session, const std::string& last_event) {
    return open(with(get(session), "Last-Event-ID", last_event), alice_);
  }
  /// What the sandbox was told when it asked to close the stream of that call.
  std::string ask_to_close(Sent sent) {
    sandbox_.behaviour = &FakeSandbox::ask;
    sandbox_.questions = {{sandbox::Question::Kind::kCloseStream, "{}"}};
    sandbox_.replies.clear();
    const auto stream = open(sent, alice_);
    EXPECT_TRUE(run_until(loop_, [this] { return !sandbox_.replies.empty(); }));
    EXPECT_TRUE(ends(stream));
    return member(sandbox_.replies.begin()->second, "result.closed");
  }
};

TEST_F(CallStreamTest, AClientThatLostItsStreamGetsTheRest) {
  const std::string session = initialize(alice_);
  const auto lost = call(session);
  ASSERT_TRUE(has(lost, 2));
  EXPECT_EQ(lost->events[0].data, "");
  EXPECT_EQ(lost->events[0].retry_ms, kStreamRetryMs);
  EXPECT_EQ(member(lost->events[1].data, "params.progress"), "1");
  const std::string primed = *lost->events[0].id;
  const std::string reported = *lost->events[1].id;
  lost->exchange.abort();

  const auto all = come_back(session, primed);
  ASSERT_TRUE(has(all, 1));
  EXPECT_EQ(all->events[0].data, lost->events[1].data);
  const auto rest = come_back(session, reported);
  EXPECT_TRUE(ends(all)) << "the client reads on another stream";
  sandbox_.released.cancel();
  ASSERT_TRUE(ends(rest));
  ASSERT_EQ(rest->events.size(), 1U);
  EXPECT_EQ(member(rest->events[0].data, "result.content"), R"([{"type":"text","text":"done"}])");

  // The answer itself may get lost as well.
  const auto again = come_back(session, reported);
  ASSERT_TRUE(ends(again));
  ASSERT_EQ(again->events.size(), 1U);
  EXPECT_EQ(again->events[0].data, rest->events[0].data);
  const auto after = come_back(session, *again->events[0].id);
  EXPECT_TRUE(ends(after));
  EXPECT_TRUE(after->events.empty());
}

TEST_F(CallStreamTest, ComingBackIsRecordedAsOfTheCall) {
  const std::string session = initialize(alice_);
  const auto lost = call(session);
  ASSERT_TRUE(has(lost, 2));
  const auto rest = come_back(session, *lost->events[0].id);
  const std::string line = records().back();
  EXPECT_EQ(member(line, "method"), "GET");
  EXPECT_EQ(member(line, "status"), "success");
  EXPECT_EQ(member(line, "parent"), member(records("mcp_call_start").back(), "request_id"));
}

TEST_F(CallStreamTest, OlderRevisionsHaveIdsAndNoFirstEvent) {
  const std::string session = initialize(alice_);
  const auto lost = call(session, "2025-03-26");
  ASSERT_TRUE(has(lost, 1));
  EXPECT_EQ(member(lost->events[0].data, "params.progress"), "1");
  lost->exchange.abort();
  const auto rest = come_back(session, *lost->events[0].id);
  sandbox_.released.cancel();
  ASSERT_TRUE(ends(rest));
  EXPECT_EQ(rest->events.size(), 1U);
}

TEST_F(CallStreamTest, WithoutASessionThereIsNothingToComeBackTo) {
  const auto stream =
      open(with(legacy("tools/call", kReporting), "MCP-Protocol-Version", "2025-11-25"), alice_);
  ASSERT_TRUE(has(stream, 1));
  EXPECT_FALSE(stream->events[0].id);
}

TEST_F(CallStreamTest, WhoIsBackIsWaitedFor) {
  settings_.resume_window = 20ms;
  use_settings();
  const std::string session = initialize(alice_);
  const auto lost = call(session);
  ASSERT_TRUE(has(lost, 2));
  const auto back = come_back(session, *lost->events[1].id);
  lost->exchange.abort();
  run_until(loop_, [] { return false; }, 60ms);
  EXPECT_EQ(sandbox_.disconnected, 0);
  back->exchange.abort();
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.disconnected == 1; }));
  ASSERT_TRUE(
      run_until(loop_, [this] { return member(records().back(), "reason") == "resume window"; }));
}

TEST(CallChain, OneThatStaysIsNotEnded) {
  asio::io_context loop;
  const auto chain = std::make_shared<CallChain>(loop);
  chain->cancel_after(1ms, "resume window");
  chain->stay();
  loop.run();
  EXPECT_EQ(chain->why_cancelled(), "");
}

TEST_F(CallStreamTest, OnlyItsOwnClientInItsOwnSessionComesBack) {
  const std::string session = initialize(alice_);
  const std::string bobs = initialize(bob_);
  const auto stream = call(session);
  ASSERT_TRUE(has(stream, 2));
  const std::string id = *stream->events[1].id;
  const auto status = [&](const std::string& in, const std::string& who, const std::string& last) {
    return send(with(get(in), "Last-Event-ID", last), who).status;
  };
  EXPECT_EQ(status(initialize(alice_), alice_, id), 400);
  EXPECT_EQ(status(bobs, bob_, id), 400);
  EXPECT_EQ(status(session, bob_, id), 404);
  std::string altered = id;
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(status(session, alice_, altered), 400);
  EXPECT_FALSE(stream->over);
}

TEST_F(CallStreamTest, WhatIsKeptNoMoreIsSaidSo) {
  settings_.resume_window = 1ms;
  use_settings();
  const std::string session = initialize(alice_);
  const auto stream = call(session);
  ASSERT_TRUE(has(stream, 2));
  sandbox_.released.cancel();
  ASSERT_TRUE(ends(stream));
  ASSERT_EQ(stream->events.size(), 3U);
  http::ClientResponse late;
  ASSERT_TRUE(run_until(loop_, [&] {
    late = send(with(get(session), "Last-Event-ID", *stream->events[1].id));
    return late.status == 400;
  }));
  EXPECT_NE(late.body.find("not kept any more"), std::string::npos);
}

TEST_F(CallStreamTest, WhereNothingIsKeptNoIdIsPromised) {
  settings_.resume_bytes_max = 0;
  use_settings();
  const auto stream = call(initialize(alice_));
  ASSERT_TRUE(has(stream, 1));
  EXPECT_FALSE(stream->events[0].id);
  EXPECT_EQ(member(stream->events[0].data, "params.progress"), "1");
}

TEST_F(CallStreamTest, ACallMayLetItsClientGo) {
  sandbox_.behaviour = [](FakeSandbox& self, http::Responder& responder) -> Task<void> {
    (void)co_await responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
    (void)co_await responder.write(
        sandbox::write_question_event(1, sandbox::Question::Kind::kCloseStream, "{}"));
    ++self.waiting;
    (void)co_await self.released.async_wait(kAwait);
    (void)co_await responder.write(
        sandbox::write_answer(sandbox::AnswerForm::kEvent, self.result, {}, "strict"));
    (void)co_await responder.finish();
  };
  const std::string session = initialize(alice_);
  const auto left = call(session);
  ASSERT_TRUE(ends(left)) << "the tool still runs";
  ASSERT_EQ(left->events.size(), 1U);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.replies.size() == 1; }));
  EXPECT_EQ(member(sandbox_.replies.begin()->second, "result.closed"), "true");
  const auto back = come_back(session, *left->events[0].id);
  EXPECT_FALSE(back->over);
  sandbox_.released.cancel();
  ASSERT_TRUE(ends(back));
  ASSERT_EQ(back->events.size(), 1U);
  EXPECT_EQ(member(back->events[0].data, "result.content"), R"([{"type":"text","text":"done"}])");
}

TEST_F(CallStreamTest, WhoCannotComeBackIsNotLetGo) {
  const std::string session = initialize(alice_);
  const auto in_session = [&](const std::string& version) {
    return with(with(legacy("tools/call", kReporting), "Mcp-Session-Id", session),
                "MCP-Protocol-Version", version);
  };
  EXPECT_EQ(ask_to_close(in_session("2025-11-25")), "true");
  EXPECT_EQ(ask_to_close(in_session("2025-06-18")), "false");
  EXPECT_EQ(ask_to_close(legacy("tools/call", kReporting)), "false");
  EXPECT_EQ(ask_to_close(modern("tools/call", R"("name":"write","arguments":{})")), "false");
  EXPECT_EQ(ask_to_close(with(in_session("2025-11-25"), "Accept", "application/json")), "false");
}

}  // namespace
}  // namespace mcpgate::gateway
