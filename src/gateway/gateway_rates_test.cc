// Rates on the way through the gateway: what they count, how a refusal looks, and what it tells to
// whom.

#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kRead = R"("name":"read","arguments":{"text":"x"})";
constexpr std::string_view kWrite = R"("name":"write","arguments":{})";
constexpr std::string_view kNotes = R"("uri":"demo://notes")";
constexpr std::string_view kInnerWrite = R"({"name":"write"})";

class GatewayRates : public TestGateway {
 protected:
  void limit(policy::Rate rate) {
    rate.name = "few";
    settings_.rates = policy::Rates({rate}, 1000);
    use_settings();
  }

  int call(std::string_view params, std::string_view who) {
    return send(legacy("tools/call", params), who).status;
  }
  int call(std::string_view params) { return call(params, alice_); }
};

TEST_F(GatewayRates, ARefusalIs429WithATrueRetryAfterAndARecord) {
  limit({.window = 1h, .limits = {.calls = 1}});
  for (const Sent& sent : {modern("tools/call", kWrite), legacy("tools/call", kWrite),
                           modern("tools/call", kWrite, R"("progressToken":1)")}) {
    const auto first = send(sent);
    EXPECT_EQ(first.status, 200);
    (void)record();
    const auto response = send(sent);
    EXPECT_EQ(response.status, 429);
    const std::string seconds = header(response, "Retry-After");
    EXPECT_EQ(member(response.body, "error.code"), "429");
    EXPECT_EQ(member(response.body, "error.message"),
              "Too many calls for now. Try again in " + seconds + " s.");
    EXPECT_EQ(member(response.body, "error.data/io.mcpgate/retryAfter"), seconds);
    EXPECT_EQ(member(response.body, "id"), "7");
    EXPECT_EQ(header(response, "Content-Type"), "application/json");
    const std::string line = record();
    EXPECT_EQ(member(line, "status"), "error");
    EXPECT_EQ(member(line, "reason"), "rate few");
    EXPECT_EQ(member(line, "decision"), "allow");
    EXPECT_EQ(member(line, "tool"), "write");
    EXPECT_FALSE(response.body.contains("few")) << "which rate it was is for the record alone";
    clock_.advance(std::chrono::seconds(std::stoi(seconds)));
  }
  EXPECT_EQ(sandbox_.calls.size(), 3U);
  EXPECT_EQ(records("mcp_call_start").size(), 3U);
  EXPECT_EQ(settings_.rates.refusals()[0].count, 3U);
}

TEST_F(GatewayRates, WhatIsNotRunIsNotCounted) {
  limit({.window = 1h, .limits = {.calls = 1}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send(modern("tools/list")).status, 200);
    EXPECT_EQ(send(modern("server/discover")).status, 200);
    EXPECT_EQ(call(R"("name":"read","arguments":{"text":1})"), 200);
    EXPECT_EQ(call(R"("name":"nothing")"), 200);
  }
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 429);
  EXPECT_EQ(send(modern("tools/list")).status, 200);
  EXPECT_EQ(call(R"("name":"read","arguments":{"text":1})"), 200) << "wrong whenever it is sent";
}

// Not even whoever has no call left learns that it is there.
TEST_F(GatewayRates, AHiddenToolStaysHidden) {
  limit({.window = 1h, .limits = {.calls = 1}});
  const auto ask = [this](const std::string& name) {
    std::string body = send(legacy("tools/call", R"("name":")" + name + '"'), bob_).body;
    return body.replace(body.find(name), name.size(), "NAME");
  };
  EXPECT_EQ(ask("launch"), ask("lounge"));
  EXPECT_EQ(call(kRead, bob_), 200);
  EXPECT_EQ(call(kRead, bob_), 429);
  EXPECT_EQ(ask("launch"), ask("lounge"));
  EXPECT_EQ(ask("write"), ask("wrote"));
}

TEST_F(GatewayRates, ResourcesAndPromptsCountAsTheyAreNamed) {
  limit({.covers = {{"demo"}, {{"notes", "greet"}}},
         .per_tool = true,
         .window = 1h,
         .limits = {.calls = 1}});
  constexpr std::string_view kGreet = R"("name":"greet","arguments":{"whom":"you"})";
  for (const int status : {200, 429}) {
    EXPECT_EQ(send(legacy("resources/read", kNotes)).status, status);
    EXPECT_EQ(send(legacy("prompts/get", kGreet)).status, status);
    EXPECT_EQ(member(records().back(), "reason") == "rate few", status == 429);
  }
  EXPECT_EQ(call(kWrite), 200);
}

TEST_F(GatewayRates, CallsInFlightOfOneLeaveRoomForAnother) {
  limit({.limits = {.in_flight = 1}});
  sandbox_.result = R"({"content":[],"structuredContent":{"n":1}})";
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto first = send_later(legacy("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  const auto refused = send(legacy("tools/call", kWrite));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header(refused, "Retry-After"), "1");
  const auto other = send_later(legacy("tools/call", kRead), bob_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 2; }));
  sandbox_.released.cancel();
  ASSERT_TRUE(wait_for(first));
  ASSERT_TRUE(wait_for(other));
  EXPECT_EQ(other->status, 200);
  sandbox_.behaviour = &FakeSandbox::answer;
  EXPECT_EQ(call(kWrite), 200);
}

TEST_F(GatewayRates, WhatACallUsedRefusesTheNextOne) {
  limit({.window = 1h, .limits = {.cpu = 100ms}});
  sandbox_.usage.cpu_ms = 60;
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 429);
  const std::uint64_t bytes = sandbox_.result.size();
  limit({.window = 1h, .limits = {.bytes = bytes + 1}});
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 429);
}

// Otherwise hanging up would be the way around the limit.
TEST_F(GatewayRates, ACancelledCallIsChargedItsTime) {
  limit({.window = 1h, .limits = {.cpu = 1ms}});
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto first = send_later(modern("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  first->exchange.abort();
  ASSERT_TRUE(run_until(loop_, [this] { return records().size() == 1; }));
  EXPECT_EQ(member(records()[0], "status"), "cancelled");
  EXPECT_EQ(call(kWrite), 429);
}

TEST_F(GatewayRates, CallsThatToolsMakeCountToo) {
  limit({.window = 1h, .limits = {.calls = 2}});
  sandbox_.behaviour = &FakeSandbox::ask;
  sandbox_.asker = "read";
  sandbox_.result = R"({"content":[],"structuredContent":{"n":1}})";
  sandbox_.questions = {{sandbox::Question::Kind::kCallTool, std::string(kInnerWrite)},
                        {sandbox::Question::Kind::kCallTool, std::string(kInnerWrite)}};
  EXPECT_EQ(call(kRead), 200);
  std::vector<std::string> replies;
  for (const auto& [id, reply] : sandbox_.replies) {
    replies.push_back(reply);
  }
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_TRUE(member(replies[1], "error.message").starts_with("Too many calls for now."));
  ASSERT_EQ(records().size(), 3U);
  EXPECT_EQ(member(records()[0], "status"), "success");
  EXPECT_EQ(member(records()[1], "reason"), "rate few");
  EXPECT_EQ(member(records()[2], "status"), "success");
}

TEST_F(GatewayRates, EachCallOfABatchCounts) {
  limit({.window = 1h, .limits = {.calls = 1}});
  const auto response = send({.body = "[" + legacy("tools/call", kWrite, "1").body + "," +
                                      legacy("tools/call", kWrite, "2").body + "]"});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_TRUE(response.body.contains(R"("id":2,"error":{"code":429,)")) << response.body;
}

/// Answers when the test says so.
class FakeStore final : public policy::LeaseStore {
 public:
  void ask(Ask ask, Answered answered) override {
    asks.push_back(ask);
    last = std::move(answered);
  }
  [[nodiscard]] bool may_answer() const override { return true; }
  [[nodiscard]] Counts counts() const override { return {}; }

  std::vector<Ask> asks;
  Answered last;
};

class GatewaySharedRates : public GatewayRates {
 protected:
  void share(policy::StoreFailure failure, std::chrono::milliseconds patience = kPatience) {
    settings_.rates = policy::Rates(
        {{.name = "few", .window = 1h, .limits = {.calls = 2}, .shared = true}}, 1000);
    settings_.rates.lease_from(store_, failure);
    settings_.rate_lease_patience = patience;
    use_settings();
  }
  /// A call that has asked for its lease.
  auto call_later(std::size_t asks = 1) {
    auto sent = send_later(modern("tools/call", kWrite), alice_);
    EXPECT_TRUE(run_until(loop_, [&] { return store_->asks.size() == asks; }));
    return sent;
  }

  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
};

TEST_F(GatewaySharedRates, ACallWaitsForItsLeaseAndTheNextForNone) {
  share(policy::StoreFailure::kRefuse);
  const auto first = call_later();
  EXPECT_TRUE(sandbox_.calls.empty());
  EXPECT_EQ(store_->asks[0].limit, 2U);
  store_->last({{.granted = 2, .rest = 0}});
  ASSERT_TRUE(wait_for(first));
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 429);
  EXPECT_EQ(member(records().back(), "reason"), "rate few");
  EXPECT_EQ(store_->asks.size(), 1U);
}

TEST_F(GatewaySharedRates, WhatIsLeasedIsOfTheTimeAtWhichItComes) {
  share(policy::StoreFailure::kRefuse);
  const auto first = call_later();
  clock_.advance(std::chrono::hours(2));
  store_->last({{.granted = 1, .rest = 1}});
  ASSERT_TRUE(run_until(loop_, [&] { return store_->asks.size() == 2; }));
  EXPECT_NE(store_->asks[0].key, store_->asks[1].key) << "that window is over";
  store_->last({{.granted = 1, .rest = 1}});
  ASSERT_TRUE(wait_for(first));
  EXPECT_EQ(first->status, 200);
}

TEST_F(GatewaySharedRates, WithoutAnAnswerItIsRefusedAsChosen) {
  share(policy::StoreFailure::kRefuse, 20ms);
  const auto response = send(modern("tools/call", kWrite));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(header(response, "Retry-After"), "1");
  EXPECT_EQ(member(response.body, "error.message"),
            "Calls cannot be counted now. Try again in 1 s.");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "error");
  EXPECT_EQ(member(line, "reason"), "rateStore");
  EXPECT_TRUE(sandbox_.calls.empty());
  EXPECT_EQ(settings_.rates.refusals()[0].count, 1U);
}

TEST_F(GatewaySharedRates, WithoutAnAnswerItIsCountedHereAsChosen) {
  share(policy::StoreFailure::kLocal, 20ms);
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 200);
  EXPECT_EQ(call(kWrite), 429);
  EXPECT_EQ(member(records().back(), "reason"), "rate few");
}

TEST_F(GatewaySharedRates, AResourceWaitsToo) {
  share(policy::StoreFailure::kRefuse);
  const auto read = send_later(modern("resources/read", kNotes), alice_);
  ASSERT_TRUE(run_until(loop_, [&] { return store_->asks.size() == 1; }));
  store_->last({{.granted = 1, .rest = 1}});
  ASSERT_TRUE(wait_for(read));
  EXPECT_EQ(read->status, 200);
}

TEST_F(GatewaySharedRates, ACallThatWaitsIsInFlight) {
  settings_.calls_in_flight_max = 1;
  share(policy::StoreFailure::kRefuse);
  const auto first = call_later();
  const auto turned_away = send(modern("tools/call", kWrite));
  EXPECT_TRUE(turned_away.body.contains("isError")) << turned_away.body;
  EXPECT_EQ(member(records().back(), "reason"), "calls in flight");
  store_->last(std::nullopt);
  ASSERT_TRUE(run_until(loop_, [&] { return store_->asks.size() == 2; })) << "it asks again";
  store_->last({{.granted = 1, .rest = 1}});
  ASSERT_TRUE(wait_for(first));
  EXPECT_EQ(first->status, 200);
}

}  // namespace
}  // namespace mcpgate::gateway
