// An upstream that does what the test says, on the same loop, over real sockets.

#include "gateway/upstream.h"

#include <gtest/gtest.h>

#include <map>

#include "gateway/gateway_test_support.h"
#include "gateway/upstream_call.h"
#include "gateway/upstream_listing.h"
#include "http/sse.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kCapabilities =
    R"("capabilities":{"tools":{"listChanged":true},"resources":{},"prompts":{},"completions":{}})";

/// The first is sent as it is and the rest of the era's rules are kept: a legacy one has sessions.
class FakeUpstream final : public http::Handler {
 public:
  struct Seen {
    std::string http_method;
    std::string method;
    std::string body;
    std::map<std::string, std::string> headers;
  };
  using Behaviour = std::function<Task<void>(FakeUpstream&, const Seen&, http::Responder&)>;

  explicit FakeUpstream(asio::io_context& loop) : released(loop, SteadyTime::max()) {
    http::Listener listener = *http::listen("127.0.0.1:0");
    address = listener.address();
    server =
        std::make_unique<http::Server>(loop, std::move(listener), *this, http::ServerOptions{});
    server->start();
  }

  Task<void> handle(const http::Request& request, http::Responder& responder) override {
    Seen now{.http_method = std::string(request.method),
             .method = member(request.body, "method"),
             .body = std::string(request.body)};
    for (const char* name :
         {"Authorization", "X-Key", "Mcp-Session-Id", "MCP-Protocol-Version", "Mcp-Method",
          "Mcp-Name", "Mcp-Param-Region", "Accept", "Last-Event-ID"}) {
      if (const auto value = request.header(name)) {
        now.headers.emplace(name, *value);
      }
    }
    seen.push_back(now);
    if (now.method == "server/discover" && !modern) {
      responder.send({.status = 400, .body = "no session", .content_type = "text/plain"});
    } else if (now.method == "server/discover") {
      answer(responder, now,
             R"({"resultType":"complete","supportedVersions":["2026-07-28"],)" +
                 std::string(kCapabilities) + "}");
    } else if (now.method == "initialize") {
      sessions.push_back("session-" + std::to_string(sessions.size() + 1));
      http::Response response =
          json(now, R"({"protocolVersion":"2025-06-18",)" + std::string(kCapabilities) +
                        R"(,"serverInfo":{"name":"f","version":"1"}})");
      response.headers.emplace_back("Mcp-Session-Id", sessions.back());
      responder.send(std::move(response));
    } else if (now.http_method == "POST" &&
               (now.method.empty() || member(now.body, "id").empty())) {
      responder.send({.status = 202});
    } else if (now.http_method == "DELETE") {
      responder.send({.status = 204});
    } else if (!modern && now.headers["Mcp-Session-Id"] != sessions.back() && !accepts_all) {
      responder.send({.status = 404});
    } else {
      co_await behaviour(*this, now, responder);
    }
  }

  static http::Response json(const Seen& asked, std::string_view result) {
    return {.body = R"({"jsonrpc":"2.0","id":)" + member(asked.body, "id") + R"(,"result":)" +
                    std::string(result) + "}",
            .content_type = "application/json"};
  }
  static void answer(http::Responder& responder, const Seen& asked, std::string_view result) {
    responder.send(json(asked, result));
  }
  [[nodiscard]] std::size_t count(std::string_view method) const {
    return static_cast<std::size_t>(std::ranges::count(seen, method, &Seen::method));
  }

  bool modern = false;
  bool accepts_all = false;
  std::vector<Seen> seen;
  std::vector<std::string> sessions;
  Behaviour behaviour;
  std::string address;
  asio::steady_timer released;
  std::unique_ptr<http::Server> server;
};

Task<void> say_hello(FakeUpstream& upstream, const FakeUpstream::Seen& asked,
                     http::Responder& responder) {
  upstream.answer(responder, asked, R"({"content":[{"type":"text","text":"hello"}]})");
  co_return;
}

FakeUpstream::Behaviour status(int code, http::Headers headers = {}) {
  return [=](FakeUpstream& /*upstream*/, const FakeUpstream::Seen& /*asked*/,
             http::Responder& responder) -> Task<void> {
    responder.send({.status = code, .headers = headers});
    co_return;
  };
}

FakeUpstream::Behaviour body(std::string bytes, std::string type = "application/json") {
  return [=](FakeUpstream& /*upstream*/, const FakeUpstream::Seen& /*asked*/,
             http::Responder& responder) -> Task<void> {
    responder.send({.body = bytes, .content_type = type});
    co_return;
  };
}

class UpstreamTest : public testing::Test {
 protected:
  UpstreamTest() : fake_(loop_) {
    options_.tool_set = "far";
    options_.endpoint = *http::Endpoint::parse("http://" + fake_.address + "/mcp?x=1");
    const std::vector<std::string> loopback{"127.0.0.0/8"};
    options_.admitted = *http::AddressRules::create(loopback);
    options_.credential_header = "Authorization";
    options_.credential = "Bearer ours";
    fake_.behaviour = say_hello;
  }
  ~UpstreamTest() override {
    upstream_.reset();
    fake_.released.cancel();
    fake_.server.reset();
    loop_.restart();
    loop_.poll();
  }

  const std::shared_ptr<Upstream>& upstream() {
    if (!upstream_) {
      upstream_ = std::make_shared<Upstream>(
          loop_, std::make_shared<const UpstreamOptions>(options_), clock_);
    }
    return upstream_;
  }

  sandbox::ExecuteRequest request() const {
    return {.tool = "greet",
            .arguments = R"({"region":"eu"})",
            .call_id = "c",
            .user = "ada",
            .issuer = "i",
            .subject = subject_,
            .deadline = deadline_,
            .tool_sha256 = "d"};
  }
  std::unique_ptr<UpstreamExecution> execution(
      sandbox::Streaming streaming = sandbox::Streaming::kNo) {
    return std::make_unique<UpstreamExecution>(
        upstream(),
        UpstreamCall{
            .request = request(), .param_headers = param_headers_, .streaming = streaming});
  }
  /// The result of a call; what came before it goes to `events_`.
  sandbox::Result call() {
    auto one = execution(sandbox::Streaming::kYes);
    for (;;) {
      auto event = run(loop_, one->next());
      EXPECT_TRUE(event) << event.error().message;
      if (!event) {
        return {};
      }
      if (auto* result = std::get_if<sandbox::Result>(&*event)) {
        return std::move(*result);
      }
      const auto* progress = std::get_if<sandbox::Progress>(&*event);
      events_.push_back(progress ? progress->params : std::get<sandbox::Log>(*event).params);
    }
  }
  std::string text(const sandbox::Result& result) {
    json::Parser parser(1 << 20);
    const auto element = parser.parse(result.call_tool_result());
    const auto content =
        element ? json::array_at(*json::as_object(*element), "content") : std::nullopt;
    return content && content->size() > 0
               ? std::string(
                     json::string_at(*json::as_object(*content->begin()), "text").value_or(""))
               : "";
  }

  asio::io_context loop_;
  TestClock clock_;
  FakeUpstream fake_;
  UpstreamOptions options_;
  std::shared_ptr<Upstream> upstream_;
  std::vector<mcp::ParamHeader> param_headers_;
  std::string subject_ = "ada";
  std::chrono::milliseconds deadline_{20'000};
  std::vector<std::string> events_;
};

TEST_F(UpstreamTest, ALegacyOneIsInitializedOnceAUser) {
  EXPECT_EQ(text(call()), "hello");
  EXPECT_EQ(text(call()), "hello");
  const auto& last = fake_.seen.back();
  EXPECT_EQ(last.method, "tools/call");
  EXPECT_EQ(member(last.body, "params.arguments.region"), "eu");
  EXPECT_EQ(last.headers.at("Mcp-Session-Id"), "session-1");
  EXPECT_EQ(last.headers.at("MCP-Protocol-Version"), "2025-06-18");
  EXPECT_EQ(last.headers.at("Authorization"), "Bearer ours");
  EXPECT_EQ(last.headers.count("Mcp-Method"), 0U);
  EXPECT_EQ(member(last.body, "params._meta./io.modelcontextprotocol/protocolVersion"), "");
  EXPECT_EQ(fake_.count("server/discover"), 1U);
  EXPECT_EQ(fake_.count("initialize"), 1U);
  EXPECT_EQ(fake_.count("notifications/initialized"), 1U);
  // Another user has a session of its own.
  subject_ = "bob";
  fake_.accepts_all = true;
  EXPECT_EQ(text(call()), "hello");
  EXPECT_EQ(fake_.seen.back().headers.at("Mcp-Session-Id"), "session-2");
}

TEST_F(UpstreamTest, SessionsAboveTheLimitAreEnded) {
  options_.sessions_max = 1;
  fake_.accepts_all = true;
  call();
  subject_ = "bob";
  call();
  const auto ended = [&] {
    return std::ranges::find(fake_.seen, "DELETE", &FakeUpstream::Seen::http_method);
  };
  ASSERT_TRUE(run_until(loop_, [&] { return ended() != fake_.seen.end(); }));
  EXPECT_EQ(ended()->headers.at("Mcp-Session-Id"), "session-1");
}

TEST_F(UpstreamTest, ASessionThatIsGoneIsBegunAnew) {
  call();
  fake_.sessions.emplace_back("another");
  EXPECT_EQ(text(call()), "hello");
  EXPECT_EQ(fake_.count("initialize"), 2U);
}

TEST_F(UpstreamTest, AModernOneGetsEnvelopeAndHeaders) {
  fake_.modern = true;
  param_headers_ = {{.header = "Mcp-Param-Region", .path = {"region"}}};
  EXPECT_EQ(text(call()), "hello");
  const auto& last = fake_.seen.back();
  EXPECT_EQ(last.headers.at("MCP-Protocol-Version"), "2026-07-28");
  EXPECT_EQ(last.headers.at("Mcp-Method"), "tools/call");
  EXPECT_EQ(last.headers.at("Mcp-Name"), "greet");
  EXPECT_EQ(last.headers.at("Mcp-Param-Region"), "eu");
  EXPECT_EQ(last.headers.count("Mcp-Session-Id"), 0U);
  EXPECT_EQ(member(last.body, "params._meta./io.modelcontextprotocol/protocolVersion"),
            "2026-07-28");
  EXPECT_EQ(fake_.count("initialize"), 0U);
}

TEST_F(UpstreamTest, OneThatIsOfAnotherEraByNowIsAskedAgain) {
  call();
  fake_.modern = true;
  fake_.sessions.emplace_back("another");
  fake_.behaviour = [](FakeUpstream& upstream, const FakeUpstream::Seen& asked,
                       http::Responder& responder) -> Task<void> {
    if (asked.headers.contains("Mcp-Session-Id")) {
      responder.send({.status = 400});
      co_return;
    }
    co_await say_hello(upstream, asked, responder);
  };
  EXPECT_EQ(text(call()), "hello");
}

TEST_F(UpstreamTest, ProgressAndLogComeWhileItRuns) {
  fake_.behaviour = [](FakeUpstream& /*upstream*/, const FakeUpstream::Seen& asked,
                       http::Responder& responder) -> Task<void> {
    const std::string id = member(asked.body, "id");
    EXPECT_EQ(member(asked.body, "params._meta.progressToken"), id);
    (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
    std::string out = ": hello\r\n\r\nid: 1\ndata:\n\n";
    for (const std::string& data :
         {R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" + id +
              R"(,"progress":1,"message":"half"}})",
          std::string(R"({"jsonrpc":"2.0","method":"notifications/progress",)"
                      R"("params":{"progressToken":99999,"progress":2}})"),
          std::string(R"({"jsonrpc":"2.0","method":"notifications/message",)"
                      R"("params":{"level":"info","data":"x"}})"),
          std::string(R"({"jsonrpc":"2.0","id":"p","method":"ping"})"),
          R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[]}})"}) {
      http::append_sse(out, {.data = data});
    }
    (void)co_await responder.write(out);
    (void)co_await responder.finish();
  };
  EXPECT_FALSE(call().is_error);
  EXPECT_EQ(events_, (std::vector<std::string>{R"({"progress":1,"message":"half"})",
                                               R"({"level":"info","data":"x"})"}));
  EXPECT_TRUE(run_until(loop_, [&] { return member(fake_.seen.back().body, "id") == "p"; }))
      << "ping is answered";
  EXPECT_EQ(member(fake_.seen.back().body, "result"), "{}");
}

/// Answers each request with the next of `streams`, the last one again and again; `ID` in them is
/// that of the call.
FakeUpstream::Behaviour broken_streams(std::vector<std::string> streams) {
  return [left = std::move(streams)](FakeUpstream& upstream, const FakeUpstream::Seen& /*asked*/,
                                     http::Responder& responder) mutable -> Task<void> {
    std::string bytes = left.front();
    if (left.size() > 1) {
      left.erase(left.begin());
    }
    const auto call = std::ranges::find(upstream.seen, "tools/call", &FakeUpstream::Seen::method);
    if (const std::size_t at = bytes.find("ID"); at != std::string::npos) {
      bytes.replace(at, 2, member(call->body, "id"));
    }
    (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
    (void)co_await responder.write(bytes);
    (void)co_await responder.finish();
  };
}

TEST_F(UpstreamTest, AnAnswerThatBreaksOffIsTakenUpAgain) {
  fake_.behaviour =
      broken_streams({"id: first\nretry: 1\ndata:\n\n",
                      "id: second\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\","
                      "\"params\":{\"level\":\"info\",\"data\":\"x\"}}\n\n",
                      "data: {\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"content\":[]}}\n\n"});
  EXPECT_FALSE(call().is_error);
  EXPECT_EQ(events_, (std::vector<std::string>{R"({"level":"info","data":"x"})"}));
  const auto& last = fake_.seen.back();
  EXPECT_EQ(last.http_method, "GET");
  EXPECT_EQ(last.headers.at("Last-Event-ID"), "second");
  EXPECT_EQ(last.headers.at("Mcp-Session-Id"), "session-1");
  EXPECT_EQ(last.headers.at("Authorization"), "Bearer ours");
}

TEST_F(UpstreamTest, AnAnswerThatSaysNothingMoreIsGivenUp) {
  fake_.behaviour = broken_streams({"id: first\nretry: 1\ndata:\n\n"});
  EXPECT_TRUE(call().is_error);
  EXPECT_EQ(std::ranges::count(fake_.seen, "GET", &FakeUpstream::Seen::http_method), 5);
}

TEST_F(UpstreamTest, AnAnswerIsNotWaitedForBeyondTheDeadline) {
  fake_.behaviour = broken_streams({"id: first\nretry: 9000\ndata:\n\n"});
  deadline_ = 5s;
  EXPECT_TRUE(call().is_error);
  EXPECT_EQ(std::ranges::count(fake_.seen, "GET", &FakeUpstream::Seen::http_method), 0);
}

TEST_F(UpstreamTest, ACallThatIsCancelledWhileItWaitsToComeBackEndsAtOnce) {
  fake_.behaviour = broken_streams({"id: first\nretry: 9000\ndata:\n\n"});
  auto one = execution();
  std::optional<Expected<sandbox::Event>> ended;
  asio::co_spawn(loop_, one->next(),
                 [&](const std::exception_ptr& /*error*/, Expected<sandbox::Event> event) {
                   ended.emplace(std::move(event));
                 });
  ASSERT_TRUE(run_until(loop_, [&] { return fake_.count("tools/call") == 1; }));
  run_until(loop_, [] { return false; }, 50ms);
  EXPECT_FALSE(ended);
  one->cancel();
  ASSERT_TRUE(run_until(loop_, [&] { return ended.has_value(); }, 5s));
}

TEST_F(UpstreamTest, ACallThatIsCancelledIsToldSo) {
  fake_.behaviour = [](FakeUpstream& upstream, const FakeUpstream::Seen& /*asked*/,
                       http::Responder& /*responder*/) -> Task<void> {
    co_await upstream.released.async_wait(kAwait);
  };
  auto one = execution();
  std::optional<Expected<sandbox::Event>> ended;
  asio::co_spawn(loop_, one->next(),
                 [&](const std::exception_ptr& /*error*/, Expected<sandbox::Event> event) {
                   ended.emplace(std::move(event));
                 });
  ASSERT_TRUE(run_until(loop_, [&] { return fake_.count("tools/call") == 1; }));
  one->cancel();
  ASSERT_TRUE(run_until(loop_, [&] { return ended.has_value(); }));
  ASSERT_FALSE(*ended);
  EXPECT_EQ(ended->error().code, ErrorCode::kCancelled);
  const std::string id =
      member(std::ranges::find(fake_.seen, "tools/call", &FakeUpstream::Seen::method)->body, "id");
  one.reset();
  ASSERT_TRUE(run_until(loop_, [&] { return fake_.count("notifications/cancelled") == 1; }));
  EXPECT_EQ(member(fake_.seen.back().body, "params.requestId"), id);
}

TEST_F(UpstreamTest, WhatGoesWrongIsSaidPrecisely) {
  options_.answer_bytes_max = 4096;
  const auto failed = [&](FakeUpstream::Behaviour behaviour) {
    fake_.behaviour = std::move(behaviour);
    const sandbox::Result result = call();
    EXPECT_TRUE(result.is_error);
    return text(result);
  };
  const std::string away = "The upstream of tool set far is not available. Try again in 1 s.";
  EXPECT_EQ(failed(status(401)),
            "The upstream of tool set far does not accept this gateway's credential. Tell whoever "
            "runs this gateway.");
  EXPECT_EQ(failed(status(429, {{"Retry-After", "7"}})),
            "The upstream of tool set far is busy. Try again in 7 s.");
  EXPECT_EQ(failed(status(503, {{"Retry-After", "9"}})),
            "The upstream of tool set far is not available. Try again in 9 s.");
  EXPECT_EQ(failed(status(500)), away);
  EXPECT_EQ(failed(status(307, {{"Location", "http://127.0.0.1:1/"}})), away);
  EXPECT_EQ(failed(status(204)), away);
  EXPECT_EQ(failed(body("<html>", "text/html")), away);
  EXPECT_EQ(failed(body("{")), away);
  EXPECT_EQ(failed(body("[]")), away);
  EXPECT_EQ(failed(body("data: {}\n\n", "text/event-stream")), away);
  EXPECT_EQ(failed(body("", "text/event-stream")), away);
  const std::string much = "The upstream of tool set far answered with more than may be passed on.";
  EXPECT_EQ(failed(body(std::string(5000, ' '))), much);
  EXPECT_EQ(failed(body("data: " + std::string(5000, 'x'), "text/event-stream")), much);
  EXPECT_EQ(failed([](FakeUpstream& /*upstream*/, const FakeUpstream::Seen& /*asked*/,
                      http::Responder& responder) -> Task<void> {
              (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
              while (co_await responder.write(": keep\n\n")) {  // It never ends.
              }
            }),
            much);
  deadline_ = 200ms;
  EXPECT_EQ(failed([](FakeUpstream& upstream, const FakeUpstream::Seen& /*asked*/,
                      http::Responder& /*responder*/) -> Task<void> {
              co_await upstream.released.async_wait(kAwait);
            }),
            "The upstream of tool set far did not answer in time.");
}

TEST_F(UpstreamTest, ItsErrorsAreTheTools) {
  fake_.behaviour = [](FakeUpstream& /*upstream*/, const FakeUpstream::Seen& asked,
                       http::Responder& responder) -> Task<void> {
    responder.send({.body = R"({"jsonrpc":"2.0","id":)" + member(asked.body, "id") +
                            R"(,"error":{"code":-32602,"message":"no such thing"}})",
                    .content_type = "application/json"});
    co_return;
  };
  const sandbox::Result result = call();
  EXPECT_TRUE(result.is_error);
  EXPECT_FALSE(result.reason);
  EXPECT_EQ(text(result), "no such thing (JSON-RPC error -32602)");
}

TEST_F(UpstreamTest, AnAddressThatIsNotListedIsNotConnectedTo) {
  options_.admitted = {};
  EXPECT_TRUE(call().is_error);
  EXPECT_TRUE(fake_.seen.empty());
}

TEST_F(UpstreamTest, WhatItOffersBecomesAManifest) {
  for (const bool modern : {false, true}) {
    fake_.modern = modern;
    upstream_.reset();
    fake_.behaviour = [](FakeUpstream& upstream, const FakeUpstream::Seen& asked,
                         http::Responder& responder) -> Task<void> {
      const bool first = member(asked.body, "params.cursor").empty();
      upstream.answer(
          responder, asked,
          asked.method == "tools/list" && first
              ? R"({"tools":[{"name":"a","inputSchema":{"type":"object"}}],"nextCursor":"2"})"
          : asked.method == "tools/list"
              ? R"({"tools":[{"name":"b","inputSchema":{"type":"object"}}]})"
          : asked.method == "prompts/list"
              ? R"({"prompts":[{"name":"p","arguments":[{"name":"x"}]}]})"
          : asked.method == "resources/list"
              ? R"({"resources":[{"name":"Some thing","uri":"x://y"}]})"
              : R"({"resourceTemplates":[{"name":"T","uriTemplate":"x://t/{id}"}]})");
      co_return;
    };
    const auto manifest = run(loop_, fetch_manifest(upstream(), "", std::chrono::seconds(0)));
    ASSERT_TRUE(manifest) << manifest.error().message;
    ASSERT_TRUE(*manifest);
    EXPECT_EQ((*manifest)->tools.size(), 2U);
    ASSERT_EQ((*manifest)->resources.size(), 2U);
    EXPECT_EQ((*manifest)->resources[0].name, "x://y");
    EXPECT_EQ((*manifest)->resources[1].completes, std::vector<std::string>{"id"});
    ASSERT_EQ((*manifest)->prompts.size(), 1U);
    EXPECT_EQ((*manifest)->prompts[0].completes, std::vector<std::string>{"x"});
    const auto same =
        run(loop_, fetch_manifest(upstream(), (*manifest)->digest, std::chrono::seconds(0)));
    ASSERT_TRUE(same);
    EXPECT_FALSE(*same);
  }
}

TEST_F(UpstreamTest, AChangeIsHeardOf) {
  fake_.behaviour = [](FakeUpstream& upstream, const FakeUpstream::Seen& asked,
                       http::Responder& responder) -> Task<void> {
    if (asked.http_method == "GET") {
      (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
      (void)co_await responder.write(
          "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n");
      co_await upstream.released.async_wait(kAwait);
      co_return;
    }
    upstream.answer(responder, asked,
                    R"({"tools":[],"resources":[],"resourceTemplates":[],"prompts":[]})");
  };
  // An hour would be too long for this test.
  const auto manifest = run(loop_, fetch_manifest(upstream(), "known", std::chrono::hours(1)));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_TRUE(*manifest);
}

TEST(UpstreamManifest, WhatIsNotFitIsWithheldAndTheRestServed) {
  const std::string good = R"({"name":"good","inputSchema":{"type":"object"},)"
                           R"("annotations":{"readOnlyHint":true,"title":"Good"}})";
  const UpstreamLists lists{
      .tools = {good, R"({"name":"bad name","inputSchema":{"type":"object"}})",
                R"({"name":"none"})", R"([])", R"({"name":"good","inputSchema":{"type":"object"}})",
                R"({"name":"twice","name":"x","inputSchema":{"type":"object"}})"},
      .resources = {R"({"name":"r","uri":"no uri"})"},
      .templates = {R"({"name":"t","uriTemplate":"x://{?q}"})"},
      .prompts = {R"({"name":"p/q"})"}};
  std::vector<std::string> withheld;
  const auto untrusted = upstream_manifest({.tool_set = "far"}, lists, withheld);
  ASSERT_EQ(untrusted.tools.size(), 1U);
  EXPECT_FALSE(untrusted.tools[0].read_only);
  EXPECT_EQ(member(untrusted.tools[0].definition, "annotations"), R"({"title":"Good"})");
  EXPECT_TRUE(untrusted.resources.empty() && untrusted.prompts.empty());
  EXPECT_EQ(withheld.size(), 8U);
  EXPECT_EQ(untrusted.withheld, 8U);
  const auto trusted =
      upstream_manifest({.tool_set = "far", .trusts_annotations = true}, lists, withheld);
  EXPECT_TRUE(trusted.tools[0].read_only);
  EXPECT_NE(trusted.digest, untrusted.digest);
}

TEST(UpstreamResult, WhatSpeaksForThisGatewayIsLeftOut) {
  const auto result = upstream_result(
      UpstreamAsk::kCall,
      {.result = R"({"resultType":"complete","content":[],"x":1,"structuredContent":{"a":1},)"
                 R"("_meta":{"io.mcpgate/reason":"memory","k":1,)"
                 R"("io.modelcontextprotocol/serverInfo":{}}})"});
  EXPECT_EQ(result.call_tool_result(),
            R"({"content":[],"structuredContent":{"a":1},"_meta":{"k":1}})");
  EXPECT_FALSE(result.is_plain || result.is_error || result.reason);
}

TEST(UpstreamResult, WhatIsNoResultIsAnError) {
  for (const char* bad :
       {R"({"content":{}})", "{}", "[]", R"({"content":[{"type":"video"}]})",
        R"({"resultType":"input_required","requestState":"x"})",
        R"({"resultType":"task","taskId":"x"})", R"({"content":[],"content":[]})"}) {
    EXPECT_TRUE(upstream_result(UpstreamAsk::kCall, {.result = bad}).is_error) << bad;
  }
  EXPECT_TRUE(upstream_result(UpstreamAsk::kComplete, {.result = "{}"}).is_error);
}

TEST(UpstreamResult, ItemsAreWhatASandboxGives) {
  EXPECT_EQ(upstream_result(UpstreamAsk::kRead,
                            {.result = R"({"contents":[{"uri":"a:b","text":"t"}],"ttlMs":1})"})
                .call_tool_result(),
            R"({"content":[],"structuredContent":{"contents":[{"uri":"a:b","text":"t"}]}})");
  for (const std::int64_t code : {-32002, -32602}) {
    EXPECT_EQ(upstream_result(UpstreamAsk::kRead, {.error = "none", .error_code = code})
                  .call_tool_result(),
              R"({"content":[],"structuredContent":{"contents":[]}})");
  }
  EXPECT_EQ(upstream_result(UpstreamAsk::kComplete,
                            {.result = R"({"completion":{"values":["a"],"hasMore":false}})"})
                .call_tool_result(),
            R"({"content":[],"structuredContent":{"values":["a"],"hasMore":false}})");
  EXPECT_TRUE(upstream_result(UpstreamAsk::kGet, {.error = "none", .error_code = -32602}).is_error);
}

}  // namespace
}  // namespace mcpgate::gateway
