// The walk from end to end: what each principal sees, what is refused and how, what is recorded,
// and what happens when the sandbox, the disk or the client goes away.

#include "gateway/gateway.h"

#include "gateway/gateway_test_support.h"
#include "gateway/session.h"
#include "http/sse.h"
#include "sandbox/call_tool_result.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kReason = "result._meta/io.mcpgate/reason";
constexpr std::string_view kReadArguments = R"("name":"read","arguments":{"text":"x"})";
constexpr std::string_view kWrite = R"("name":"write","arguments":{})";

std::vector<std::string> events_of(std::string_view body) {
  http::SseParser parser(1 << 20);
  EXPECT_TRUE(parser.feed(body));
  std::vector<std::string> events;
  while (const auto event = parser.next()) {
    events.push_back(event->data);
  }
  return events;
}

std::string text_of(std::string_view body) {
  json::Parser parser(1 << 20);
  const std::string content = member(body, "result.content");
  const auto blocks = json::as_array(*parser.parse(content));
  return blocks && blocks->size() > 0
             ? std::string(json::string_at(*json::as_object(blocks->at(0)), "text").value_or(""))
             : "";
}

// --- refused before the body is read ---

TEST_F(TestGateway, AnUnknownHostIsRefused) {
  settings_.allowed_hosts = {"mcp.example.com"};
  use_settings();
  const auto response = send(legacy("ping"));
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(member(response.body, "error.message"), "This host name is not served here.");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "denied");
  EXPECT_EQ(member(line, "reason"), "host");
  EXPECT_EQ(member(line, "user"), "null");
}

TEST_F(TestGateway, AnotherOriginIsRefusedAndOursIsTold) {
  const auto refused = send(with(legacy("ping"), "Origin", "https://evil.example.com"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(member(refused.body, "error.message"), "This origin is not allowed.");
  EXPECT_EQ(member(record(), "reason"), "origin");
  const auto response = send(with(legacy("ping"), "Origin", "https://app.example.com"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "https://app.example.com");
}

TEST_F(TestGateway, ATrustedProxySaysForWhomItAsks) {
  (void)send(with(legacy("ping"), "X-Forwarded-For", "192.0.2.7"));
  EXPECT_EQ(member(record(), "client_ip"), "127.0.0.1");
  const auto proxy = Network::parse("127.0.0.1");
  ASSERT_TRUE(proxy);
  settings_.trusted_proxies = {*proxy};
  use_settings();
  (void)send(with(legacy("ping"), "X-Forwarded-For", "127.0.0.1, 192.0.2.7"));
  EXPECT_EQ(member(record(), "client_ip"), "192.0.2.7");
  EXPECT_EQ(send(with(legacy("ping"), "Forwarded", "for=somebody")).status, 400);
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "invalid");
  EXPECT_EQ(member(line, "reason"), "forwarded");
  EXPECT_EQ(member(line, "client_ip"), "127.0.0.1");
}

TEST_F(TestGateway, APreflightNeedsNoCredential) {
  Sent preflight{.headers = {{"Origin", "https://app.example.com"}}, .method = "OPTIONS"};
  const auto response = send(preflight, "");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(header(response, "Access-Control-Allow-Methods"), "GET, POST, DELETE, OPTIONS");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "success");
  EXPECT_EQ(member(line, "reason"), "preflight");
  preflight.headers[0].second = "https://evil.example.com";
  EXPECT_EQ(send(preflight, "").status, 403);
  EXPECT_EQ(member(record(), "status"), "denied");
}

TEST_F(TestGateway, AnotherPathMethodOrContentTypeIsRefused) {
  struct Case {
    Sent sent;
    int status;
    std::string reason;
  };
  for (const Case& test : std::vector<Case>{
           {{.body = "{}", .target = "/other"}, 404, "path"},
           {{.method = "PUT"}, 405, "method"},
           {{.method = "HEAD", .target = "/"}, 405, "method"},
           {{.body = "{}", .headers = {{"Content-Type", "text/plain"}}}, 415, "content type"},
       }) {
    const auto response = send(test.sent);
    EXPECT_EQ(response.status, test.status) << test.reason;
    const std::string line = record();
    EXPECT_EQ(member(line, "status"), "invalid");
    EXPECT_EQ(member(line, "reason"), test.reason);
    EXPECT_EQ(header(response, "X-Request-Id"), member(line, "request_id"));
    EXPECT_EQ(header(response, "Allow"), test.status == 405 ? "GET, POST, DELETE" : "");
  }
}

TEST_F(TestGateway, ContentTypeMayHaveParameters) {
  EXPECT_EQ(send(with(legacy("ping"), "Content-Type", "Application/JSON ; charset=utf-8")).status,
            200);
}

TEST_F(TestGateway, WithoutACredentialThereIsAChallenge) {
  // Nothing of the body is looked at: it is not even JSON.
  const auto response = send({.body = "{{{"}, "");
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(header(response, "WWW-Authenticate"),
            "Bearer resource_metadata="
            "\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"");
  std::string line = record();
  EXPECT_EQ(member(line, "status"), "unauthenticated");
  EXPECT_EQ(member(line, "reason"), "missing");

  SystemRandom random;
  const auto unknown = send(legacy("ping"), "Bearer " + auth::generate_api_key(random).text);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_TRUE(header(unknown, "WWW-Authenticate").contains("error=\"invalid_token\""));
  line = record();
  EXPECT_EQ(member(line, "reason"), "unknown");
  EXPECT_EQ(member(line, "key_id").size(), auth::kKeyIdLength);
}

TEST_F(TestGateway, ACredentialInTheUrlIsRefusedWhateverTheHeaderSays) {
  const auto response =
      send({.body = legacy("ping").body, .target = "/mcp?access_token=" + alice_.substr(7)});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(member(record(), "reason"), "credential_in_url");
}

TEST_F(TestGateway, TheDemoTokenIsForThisMachineAlone) {
  const std::string demo = "Bearer demo-token-12345";
  EXPECT_EQ(send(legacy("ping"), demo).status, 200);
  EXPECT_EQ(member(record(), "auth_type"), "demo_token");
  for (const char* name : {"X-Forwarded-For", "Forwarded", "X-Real-Ip"}) {
    EXPECT_EQ(send(with(legacy("ping"), name, "127.0.0.1"), demo).status, 401) << name;
    EXPECT_EQ(member(record(), "reason"), "demo_not_allowed");
  }
}

TEST_F(TestGateway, AnExpiredKeyIsRefused) {
  keys_[0].expires = clock_.wall_now() + 1h;
  use_settings();
  EXPECT_EQ(send(legacy("ping")).status, 200);
  clock_.advance(2h);
  EXPECT_EQ(send(legacy("ping")).status, 401);
  EXPECT_EQ(member(records().back(), "reason"), "expired");
}

TEST_F(TestGateway, PublicPagesNeedNoCredentialAndLeaveNoRecord) {
  for (const auto& [path, resource] : std::vector<std::pair<std::string, std::string>>{
           {"", "https://mcp.example.com/"}, {"/mcp", "https://mcp.example.com/mcp"}}) {
    const auto page =
        send({.method = "GET", .target = "/.well-known/oauth-protected-resource" + path}, "");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(member(page.body, "resource"), resource);
    EXPECT_EQ(header(page, "Access-Control-Allow-Origin"), "*");
  }
  EXPECT_EQ(send({.method = "GET", .target = "/health"}, "").status, 200);
  EXPECT_EQ(send({.method = "GET", .target = "/ready"}, "").body, R"({"ready":true})");
  auto world = std::make_shared<Snapshot>(*snapshot());
  world->not_ready = "no sandbox has answered yet";
  gateway_->use(world);
  const auto ready = send({.method = "GET", .target = "/ready"}, "");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, R"({"ready":false,"reason":"no sandbox has answered yet"})");
  EXPECT_TRUE(records().empty());
}

// --- bodies ---

TEST_F(TestGateway, WhatCannotBeReadIsAnsweredAndRecorded) {
  const auto not_json = send({.body = R"({"secret":)"});
  EXPECT_EQ(not_json.status, 400);
  EXPECT_EQ(member(not_json.body, "error.code"), "-32700");
  EXPECT_EQ(member(not_json.body, "id"), "null");
  std::string line = record();
  EXPECT_EQ(member(line, "status"), "invalid");
  EXPECT_EQ(member(line, "user"), "alice");
  EXPECT_FALSE(line.contains("secret"));

  const auto twice = send({.body = R"({"jsonrpc":"2.0","id":7,"method":"ping","id":8})"});
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(member(twice.body, "error.code"), "-32600");
  EXPECT_EQ(member(record(), "status"), "invalid");

  const auto unknown = send(modern("no/such"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(member(unknown.body, "error.code"), "-32601");
  EXPECT_EQ(member(unknown.body, "id"), "7");
  line = record();
  EXPECT_EQ(member(line, "status"), "invalid");
  EXPECT_EQ(member(line, "method"), "no/such");
}

TEST_F(TestGateway, NotificationsAreAcceptedWithoutABody) {
  const auto response = send({.body = R"({"jsonrpc":"2.0","method":"notifications/initialized"})"});
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.body, "");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "success");
  EXPECT_EQ(member(line, "method"), "notifications/initialized");
}

TEST_F(TestGateway, DiscoverPingAndInitializeAnswer) {
  const auto discover = send(modern("server/discover"), carol_);
  EXPECT_EQ(member(discover.body, "result.resultType"), "complete");
  EXPECT_EQ(header(discover, "Mcp-Session-Id"), "");
  EXPECT_EQ(send(legacy("ping")).body, R"({"jsonrpc":"2.0","id":7,"result":{}})");
  EXPECT_FALSE(initialize(alice_).empty());
  EXPECT_EQ(records().size(), 3U);
}

// --- visible and callable ---

TEST_F(TestGateway, AListHoldsWhatThePrincipalMayCallInOrder) {
  const auto names = [this](const std::string& who) {
    const auto response = send(modern("tools/list"), who);
    EXPECT_EQ(member(response.body, "result.cacheScope"), "private");
    json::Parser parser(1 << 20);
    const std::string tools = member(response.body, "result.tools");
    std::string names;
    const json::Array listed = *json::as_array(*parser.parse(tools));
    for (const json::Element tool : listed) {
      names.append(json::string_at(*json::as_object(tool), "name").value_or("")) += ' ';
    }
    return names;
  };
  EXPECT_EQ(names(alice_), "read write launch ");
  EXPECT_EQ(names(bob_), "read ");
  EXPECT_EQ(names(carol_), "");
}

TEST_F(TestGateway, AHiddenToolAnswersLikeOneThatDoesNotExist) {
  for (const auto& [hidden, unknown] :
       std::vector<std::pair<std::string, std::string>>{{"write", "wrote"}, {"launch", "lounge"}}) {
    const auto a = send(modern("tools/call", R"("name":")" + hidden + '"'), bob_);
    const std::string denied = record();
    const auto b = send(modern("tools/call", R"("name":")" + unknown + '"'), bob_);
    const std::string missing = record();
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(member(a.body, "error.code"), "-32602");
    std::string renamed = a.body;
    renamed.replace(renamed.find(hidden), hidden.size(), unknown);
    EXPECT_EQ(renamed, b.body);
    EXPECT_EQ(a.status, b.status);
    EXPECT_EQ(a.headers.size(), b.headers.size());
    // The record alone tells them apart.
    EXPECT_EQ(member(denied, "status"), "denied");
    EXPECT_EQ(member(denied, "decision"), "deny");
    EXPECT_EQ(member(denied, "reason"), "no grant");
    EXPECT_EQ(member(missing, "status"), "invalid");
    EXPECT_EQ(member(missing, "reason"), "unknown tool");
    EXPECT_EQ(member(missing, "decision"), "");
  }
  EXPECT_TRUE(sandbox_.calls.empty());
  EXPECT_TRUE(records("mcp_call_start").empty());
}

// Arguments that would be wrong for the hidden tool must not tell that it is there.
TEST_F(TestGateway, AHiddenToolsArgumentsAreNotChecked) {
  const std::string call = R"("name":"read","arguments":{"text":1})";
  EXPECT_EQ(member(send(legacy("tools/call", call), carol_).body, "error.code"), "-32602");
}

// --- calls ---

TEST_F(TestGateway, ACallIsRecordedBeforeItStartsAndWhenItEnds) {
  sandbox_.result = R"({"content":[{"type":"text","text":"\u0061"}],"structuredContent":{"n":1}})";
  std::size_t started = 0;
  sandbox_.on_call = [&] { started = records("mcp_call_start").size(); };
  const auto response =
      send(modern("tools/call", R"("name":"read","arguments":{ "text":"s3cret"})"), bob_);
  EXPECT_EQ(started, 1U);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/json");
  EXPECT_EQ(member(response.body, "result.structuredContent"), R"({"n":1})");
  EXPECT_EQ(member(response.body, "result.resultType"), "complete");

  ASSERT_EQ(sandbox_.calls.size(), 1U);
  const ReceivedCall& call = sandbox_.calls[0];
  EXPECT_EQ(call.arguments, R"({ "text":"s3cret"})");
  EXPECT_EQ(call.user, "bob");
  EXPECT_EQ(call.digest, demo_manifest().tools[0].digest);
  EXPECT_FALSE(call.streamed);

  const std::string end = record();
  const std::string start = records("mcp_call_start").at(0);
  for (const std::string& line : {start, end}) {
    EXPECT_EQ(member(line, "request_id"), header(response, "X-Request-Id"));
    EXPECT_EQ(member(line, "user"), "bob");
    EXPECT_EQ(member(line, "tool"), "read");
    EXPECT_EQ(member(line, "tool_set"), "demo");
    EXPECT_EQ(member(line, "decision"), "allow");
    EXPECT_EQ(member(line, "reason"), "role mcp-viewer");
    EXPECT_EQ(member(line, "arguments_sha256"), sha256_hex(R"({ "text":"s3cret"})"));
    EXPECT_FALSE(line.contains("s3cret"));
  }
  EXPECT_EQ(member(end, "status"), "success");
  EXPECT_EQ(member(end, "profile"), "strict");
  EXPECT_EQ(call.id, member(end, "request_id"));
}

TEST_F(TestGateway, ATraceIsThatOfTheMessageElseOfTheRequest) {
  const std::string in_meta = "00-11111111111111111111111111111111-2222222222222222-01";
  const std::string in_header = "00-33333333333333333333333333333333-4444444444444444-00";
  const Sent plain = with(modern("tools/call", R"("name":"write")"), "traceparent", in_header);
  (void)send(plain);
  EXPECT_EQ(sandbox_.calls.back().traceparent, in_header);
  EXPECT_EQ(member(record(), "trace_id"), in_header.substr(3, 32));
  (void)send(with(modern("tools/call", R"("name":"write")", R"("traceparent":")" + in_meta + '"'),
                  "traceparent", in_header));
  EXPECT_EQ(sandbox_.calls.back().traceparent, in_meta);
  EXPECT_EQ(member(record(), "trace_id"), in_meta.substr(3, 32));
  (void)send(modern("tools/call", R"("name":"write")", R"("traceparent":"00-zz")"));
  EXPECT_EQ(sandbox_.calls.back().traceparent, "");
  EXPECT_EQ(member(record(), "trace_id"), "");
}

TEST_F(TestGateway, WrongArgumentsAreToldWithoutACall) {
  for (const std::string& arguments : {R"(,"arguments":{"text":1})", R"(,"arguments":{})", "",
                                       R"(,"arguments":{"text":"a","text":"b"})"}) {
    const auto response = send(modern("tools/call", R"("name":"read")" + arguments));
    EXPECT_EQ(response.status, 200) << arguments;
    EXPECT_EQ(member(response.body, "result.isError"), "true") << arguments;
    EXPECT_TRUE(text_of(response.body).contains("arguments")) << response.body;
    const std::string line = record();
    EXPECT_EQ(member(line, "status"), "invalid");
    EXPECT_EQ(member(line, "reason"), "arguments");
  }
  EXPECT_TRUE(sandbox_.calls.empty());
  EXPECT_TRUE(records("mcp_call_start").empty());
}

TEST_F(TestGateway, AResultMustKeepItsToolsOwnPromise) {
  for (const std::string& result :
       {R"({"content":[],"structuredContent":{"n":"one"}})", R"({"content":[]})"}) {
    sandbox_.result = result;
    const auto response = send(legacy("tools/call", kReadArguments));
    EXPECT_EQ(member(response.body, "result.isError"), "true");
    EXPECT_TRUE(text_of(response.body).contains("output schema")) << response.body;
    EXPECT_EQ(member(record(), "status"), "error");
  }
  // How it breaks it may quote the result: that is for the caller alone.
  sandbox_.result = R"({"content":[],"structuredContent":{"n":"canary","canary":1}})";
  testing::internal::CaptureStderr();
  EXPECT_EQ(member(send(legacy("tools/call", kReadArguments)).body, "result.isError"), "true");
  EXPECT_FALSE(testing::internal::GetCapturedStderr().contains("canary"));
  EXPECT_FALSE(record().contains("canary"));
  // An error need not have what a success promises.
  sandbox_.result = R"({"content":[{"type":"text","text":"no"}],"isError":true})";
  EXPECT_EQ(text_of(send(legacy("tools/call", kReadArguments)).body), "no");
}

TEST_F(TestGateway, EachEraGetsItsFormOfAResult) {
  sandbox_.result = R"({"content":[],"structuredContent":[1]})";
  EXPECT_EQ(send(legacy("tools/call", kWrite)).body,
            R"({"jsonrpc":"2.0","id":7,"result":{"content":[]}})");
  EXPECT_EQ(member(send(modern("tools/call", kWrite)).body, "result.structuredContent"), "[1]");
}

// --- the sandbox goes wrong ---

TEST_F(TestGateway, AnAbsentSandboxIsToldByTheResult) {
  sandbox_.server.reset();
  const auto response = send(modern("tools/call", kWrite));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(member(response.body, "result.isError"), "true");
  EXPECT_EQ(member(response.body, kReason), "sandbox_unavailable");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "error");
  EXPECT_EQ(member(line, "reason"), "sandbox_unavailable");
}

TEST_F(TestGateway, WhatTheDaemonRefusesIsToldByTheResult) {
  sandbox_.behaviour = &FakeSandbox::refuse;
  for (const auto& [status, text] :
       std::vector<std::pair<int, std::string>>{{429, "busy. Try again in 17 s"},
                                                {409, "being updated"},
                                                {404, "being updated"},
                                                {503, "not available. Try again in 17 s"},
                                                {500, "not available"}}) {
    sandbox_.status = status;
    const auto response = send(modern("tools/call", kWrite));
    EXPECT_EQ(response.status, 200) << status;
    EXPECT_EQ(member(response.body, "result.isError"), "true") << status;
    EXPECT_EQ(member(response.body, kReason), "sandbox_unavailable") << status;
    EXPECT_TRUE(text_of(response.body).contains(text)) << response.body;
    EXPECT_EQ(member(record(), "status"), "error");
  }
}

TEST_F(TestGateway, ADaemonThatDiesOrBabblesIsToldByTheResult) {
  for (const FakeSandbox::Behaviour behaviour : {&FakeSandbox::vanish, &FakeSandbox::babble}) {
    sandbox_.behaviour = behaviour;
    const auto response = send(modern("tools/call", kWrite));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(member(response.body, kReason), "sandbox_unavailable");
  }
}

TEST_F(TestGateway, ACallThatTakesTooLongEndsAsATimeout) {
  settings_.call_timeout = 20ms;
  use_settings();
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto response = send(modern("tools/call", kWrite));
  EXPECT_EQ(member(response.body, kReason), "timeout");
  EXPECT_EQ(member(record(), "reason"), "timeout");
}

TEST_F(TestGateway, WhatTheSandboxSaysOfAnEndIsPassedOnAndRecorded) {
  sandbox_.result = sandbox::write_ended_result(sandbox::Reason::kMemory, "too much");
  const auto response = send(modern("tools/call", kReadArguments));
  EXPECT_EQ(member(response.body, kReason), "memory");
  EXPECT_EQ(member(record(), "reason"), "memory");
}

TEST_F(TestGateway, CallsInFlightAreBounded) {
  settings_.calls_in_flight_max = 1;
  use_settings();
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto first = send_later(legacy("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  const auto second = send(legacy("tools/call", kWrite));
  EXPECT_EQ(member(second.body, kReason), "sandbox_unavailable");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "error");
  EXPECT_EQ(member(line, "reason"), "calls in flight");
  sandbox_.released.cancel();
  ASSERT_TRUE(wait_for(first));
  sandbox_.behaviour = &FakeSandbox::answer;
  EXPECT_EQ(text_of(send(legacy("tools/call", kWrite)).body), "done");
  EXPECT_EQ(sandbox_.calls.size(), 2U);
}

// --- the audit ---

TEST_F(TestGateway, NoRecordNoAnswerAndNoCall) {
  {
    const FullDisk full(audit_file());
    for (const Sent& sent : {modern("tools/call", kWrite), legacy("ping"), Sent{.body = "{"},
                             Sent{.body = "{}", .target = "/other"}}) {
      const auto response = send(sent);
      EXPECT_EQ(response.status, 503) << sent.body;
      EXPECT_EQ(member(response.body, "error.code"), "-32603");
      EXPECT_EQ(header(response, "Retry-After"), "5");
    }
    EXPECT_EQ(send({.body = "{}"}, "").status, 503);
  }
  EXPECT_TRUE(sandbox_.calls.empty());
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(send(legacy("ping")).status, 200);
}

TEST_F(TestGateway, AResultWhoseRecordIsLostStaysHere) {
  sandbox_.result = R"({"content":[{"type":"text","text":"precious"}]})";
  std::optional<FullDisk> full;
  sandbox_.on_call = [&] { full.emplace(audit_file()); };
  const auto response = send(modern("tools/call", kWrite));
  full.reset();
  EXPECT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(member(response.body, "id"), "7");
  EXPECT_FALSE(response.body.contains("precious"));
}

TEST_F(TestGateway, WhatTheServerItselfRefusesIsRecorded) {
  const http::Response response =
      gateway_->refused({.status = 431, .reason = "head too large", .peer = "192.0.2.1"});
  EXPECT_EQ(response.status, 431);
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "invalid");
  EXPECT_EQ(member(line, "reason"), "head too large");
  EXPECT_EQ(member(line, "client_ip"), "192.0.2.1");
}

// --- streams ---

TEST_F(TestGateway, ProgressIsStreamedToWhoAskedForIt) {
  sandbox_.behaviour = &FakeSandbox::stream;
  for (const char* progress : {R"({"progress":1,"total":3})", R"({"progress":1})",
                               R"({"progress":0.5})", R"({"progress":2,"message":"more"})"}) {
    sandbox_.events.push_back(sandbox::write_progress_event(progress));
  }
  sandbox_.events.push_back(sandbox::write_log_event(R"({"level":"error","data":"x"})"));
  const auto response = send(modern("tools/call", kWrite, R"("progressToken":"p")"));
  EXPECT_EQ(header(response, "Content-Type"), "text/event-stream");
  EXPECT_EQ(header(response, "X-Accel-Buffering"), "no");
  const auto events = events_of(response.body);
  ASSERT_EQ(events.size(), 3U);  // What does not increase is dropped, and logs were not asked for.
  EXPECT_EQ(events[0], R"({"jsonrpc":"2.0","method":"notifications/progress",)"
                       R"("params":{"progressToken":"p","progress":1,"total":3}})");
  EXPECT_EQ(member(events[1], "params.progress"), "2");
  EXPECT_EQ(member(events[2], "id"), "7");
  EXPECT_EQ(text_of(events[2]), "done");
  EXPECT_EQ(member(record(), "status"), "success");
}

TEST_F(TestGateway, LogsAreStreamedFromTheLevelAskedFor) {
  sandbox_.behaviour = &FakeSandbox::stream;
  for (const char* level : {"debug", "warning", "error"}) {
    sandbox_.events.push_back(
        sandbox::write_log_event(R"({"level":")" + std::string(level) + R"(","data":1})"));
  }
  sandbox_.events.push_back(sandbox::write_progress_event(R"({"progress":1})"));
  const auto response =
      send(modern("tools/call", kWrite, R"("io.modelcontextprotocol/logLevel":"warning")"));
  const auto events = events_of(response.body);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(member(events[0], "params.level"), "warning");
  EXPECT_EQ(member(events[1], "params.level"), "error");
}

TEST_F(TestGateway, WhoDoesNotAskGetsPlainJson) {
  sandbox_.behaviour = &FakeSandbox::stream;
  sandbox_.events = {sandbox::write_progress_event(R"({"progress":1})")};
  const Sent no_events =
      with(modern("tools/call", kWrite, R"("progressToken":1)"), "Accept", "application/json");
  for (const Sent& sent : {modern("tools/call", kWrite), no_events}) {
    const auto response = send(sent);
    EXPECT_EQ(header(response, "Content-Type"), "application/json");
    EXPECT_EQ(text_of(response.body), "done");
    EXPECT_FALSE(sandbox_.calls.back().streamed);
  }
  // Nothing to report: no stream, though one was asked for.
  sandbox_.events.clear();
  const auto silent = send(modern("tools/call", kWrite, R"("progressToken":1)"));
  EXPECT_TRUE(sandbox_.calls.back().streamed);
  EXPECT_EQ(header(silent, "Content-Type"), "application/json");
}

TEST_F(TestGateway, WhoAsksForAStreamFirstGetsOne) {
  for (const std::string_view accept :
       {"text/event-stream, application/json", "text/event-stream"}) {
    for (const Sent& sent : {legacy("tools/list"), modern("tools/list"),
                             legacy("tools/call", kWrite), modern("tools/call", kWrite)}) {
      const auto response = send(with(sent, "Accept", std::string(accept)));
      EXPECT_EQ(response.status, 200);
      EXPECT_EQ(header(response, "Content-Type"), "text/event-stream");
      const auto events = events_of(response.body);
      ASSERT_EQ(events.size(), 1U);
      EXPECT_EQ(member(events[0], "id"), "7");
    }
    const auto refused = send(with(modern("nothing/there"), "Accept", std::string(accept)));
    EXPECT_EQ(refused.status, 404);
    EXPECT_EQ(header(refused, "Content-Type"), "application/json");
  }
}

TEST_F(TestGateway, AResultWhoseRecordIsLostStaysHereOnAStreamToo) {
  sandbox_.behaviour = &FakeSandbox::stream;
  sandbox_.events = {sandbox::write_progress_event(R"({"progress":1})")};
  std::optional<FullDisk> full;
  sandbox_.on_call = [&] { full.emplace(audit_file()); };
  const auto response = send(modern("tools/call", kWrite, R"("progressToken":1)"));
  full.reset();
  const auto events = events_of(response.body);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(member(events[1], "error.code"), "-32603");
}

// --- cancelling ---

TEST_F(TestGateway, WhatComesAfterTheResultIsNotSaid) {
  sandbox_.behaviour = &FakeSandbox::stream;
  sandbox_.events = {
      sandbox::write_answer(sandbox::AnswerForm::kEvent, sandbox_.result, {}, "strict"),
      sandbox::write_progress_event(R"({"progress":1})")};
  const auto response = send(modern("tools/call", kWrite, R"("progressToken":1)"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.find("notifications/progress"), std::string::npos);
  EXPECT_NE(response.body.find(R"("text":"done")"), std::string::npos);
}

TEST_F(TestGateway, InTheModernEraHangingUpCancels) {
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto call = send_later(modern("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  call->exchange.abort();
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.disconnected == 1; }));
  ASSERT_TRUE(run_until(loop_, [this] { return records().size() == 1; }));
  const std::string end = record();
  EXPECT_EQ(member(end, "status"), "cancelled");
  EXPECT_EQ(member(end, "reason"), "client disconnected");
}

TEST_F(TestGateway, InTheLegacyEraACallRunsOnForTheResumeWindowOnly) {
  settings_.resume_window = 50ms;
  use_settings();
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto call = send_later(legacy("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  call->exchange.abort();
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.disconnected == 1; }));
  ASSERT_TRUE(run_until(loop_, [this] { return records().size() == 1; }));
  const std::string end = record();
  EXPECT_EQ(member(end, "status"), "cancelled");
  EXPECT_EQ(member(end, "reason"), "resume window");
}

TEST_F(TestGateway, InTheLegacyEraHangingUpDoesNotCancel) {
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto call = send_later(legacy("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  call->exchange.abort();
  ASSERT_TRUE(wait_for(call));
  EXPECT_EQ(send(legacy("ping")).status, 200);  // Time for the gateway to notice.
  EXPECT_EQ(sandbox_.disconnected, 0);
  sandbox_.released.cancel();
  ASSERT_TRUE(run_until(loop_, [this] { return records().size() == 2; }));
  EXPECT_EQ(member(records()[1], "status"), "success");
}

TEST_F(TestGateway, ASessionCancelsItsOwnCallsOnly) {
  sandbox_.behaviour = &FakeSandbox::wait;
  const std::string session = initialize(alice_);
  const std::string other_session = initialize(alice_);
  const std::string bobs_session = initialize(bob_);
  const auto call =
      send_later(with(legacy("tools/call", kWrite), "Mcp-Session-Id", session), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  const auto cancel = [this](const std::string& in, const std::string& who, std::string_view id) {
    Sent sent{.body =
                  R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" +
                  std::string(id) + "}}"};
    const auto response = send(in.empty() ? sent : with(sent, "Mcp-Session-Id", in), who);
    EXPECT_EQ(response.body.empty(), response.status == 202);
    return response.status;
  };
  EXPECT_EQ(cancel("", alice_, "7"), 202);
  EXPECT_EQ(cancel(other_session, alice_, "7"), 202);
  EXPECT_EQ(cancel(bobs_session, bob_, "7"), 202);
  EXPECT_EQ(cancel(session, alice_, "8"), 202);
  EXPECT_EQ(cancel(session, alice_, R"("7")"), 202);
  EXPECT_EQ(cancel(session, bob_, "7"), 404);
  EXPECT_EQ(sandbox_.disconnected, 0);
  EXPECT_FALSE(call->done);
  EXPECT_EQ(cancel(session, alice_, "7"), 202);
  ASSERT_TRUE(wait_for(call));
  EXPECT_EQ(call->status, 202);
  EXPECT_EQ(call->body, "");
  EXPECT_EQ(member(records().back(), "status"), "cancelled");
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.disconnected == 1; }));
  EXPECT_EQ(cancel(session, alice_, "7"), 202);  // It does not run any more.
  EXPECT_EQ(member(records().back(), "status"), "success");
}

// --- sessions ---

// --- calls that tools make ---

class InnerCalls : public TestGateway {
 protected:
  using Kind = sandbox::Question::Kind;

  InnerCalls() {
    sandbox_.behaviour = &FakeSandbox::ask;
    sandbox_.result = R"({"content":[],"structuredContent":{"n":1}})";
  }

  /// Calls `asker`, whose tool calls others so; the replies that it got.
  std::vector<std::string> ask(std::string asker, std::vector<std::string> params,
                               std::string_view authorization) {
    sandbox_.asker = asker;
    for (std::string& each : params) {
      sandbox_.questions.emplace_back(Kind::kCallTool, std::move(each));
    }
    answer_ = send(legacy("tools/call", R"("name":")" + asker + R"(","arguments":{"text":"a"})"),
                   authorization);
    EXPECT_FALSE(sandbox_.calls.empty());
    std::vector<std::string> replies;
    const auto [first, last] = sandbox_.replies.equal_range(sandbox_.calls.front().id);
    for (auto reply = first; reply != last; ++reply) {
      replies.push_back(reply->second);
    }
    EXPECT_EQ(replies.size(), sandbox_.questions.size());
    replies.resize(sandbox_.questions.size());
    return replies;
  }

  http::ClientResponse answer_;
};

TEST_F(InnerCalls, ACallByAToolIsARequestBeneathItsOwn) {
  const auto replies = ask("write", {R"({"name":"read","arguments":{"text":"s3cret"}})"}, alice_);
  EXPECT_EQ(replies[0], R"({"id":1,"result":)" + sandbox_.result + "}");
  EXPECT_EQ(member(answer_.body, "result.structuredContent.n"), "1");
  ASSERT_EQ(sandbox_.calls.size(), 2U);
  const ReceivedCall& inner = sandbox_.calls[1];
  EXPECT_EQ(inner.tool, "read");
  EXPECT_EQ(inner.user, "alice");
  EXPECT_EQ(inner.arguments, R"({"text":"s3cret"})");
  EXPECT_EQ(inner.digest, demo_manifest().tools[0].digest);
  EXPECT_EQ(inner.parent, sandbox_.calls[0].id);
  EXPECT_EQ(sandbox_.calls[0].parent, "");

  const auto ends = records();
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(member(ends[0], "parent"), member(ends[1], "request_id"));
  EXPECT_EQ(member(ends[0], "request_id"), inner.id);
  EXPECT_EQ(member(ends[0], "method"), "tools/call");
  EXPECT_EQ(member(ends[0], "tool"), "read");
  EXPECT_EQ(member(ends[0], "user"), "alice");
  EXPECT_EQ(member(ends[0], "decision"), "allow");
  EXPECT_EQ(member(ends[0], "status"), "success");
  EXPECT_EQ(member(ends[0], "arguments_sha256"), sha256_hex(R"({"text":"s3cret"})"));
  EXPECT_FALSE(ends[0].contains("s3cret"));
  EXPECT_FALSE(ends[1].contains("parent"));
  const auto starts = records("mcp_call_start");
  ASSERT_EQ(starts.size(), 2U);
  EXPECT_EQ(member(starts[1], "parent"), member(ends[1], "request_id"));
}

// Visible is callable, from inside a tool too: what bob may not see is not there.
TEST_F(InnerCalls, AHiddenToolAnswersAToolLikeOneThatDoesNotExist) {
  const auto replies =
      ask("read", {R"({"name":"write"})", R"({"name":"launch"})", R"({"name":"nothing"})"}, bob_);
  EXPECT_EQ(member(replies[0], "error.message"), "Unknown tool: write");
  EXPECT_EQ(member(replies[1], "error.message"), "Unknown tool: launch");
  EXPECT_EQ(member(replies[2], "error.message"), "Unknown tool: nothing");
  EXPECT_EQ(sandbox_.calls.size(), 1U);
  const auto ends = records();
  ASSERT_EQ(ends.size(), 4U);
  EXPECT_EQ(member(ends[0], "status"), "denied");
  EXPECT_EQ(member(ends[1], "status"), "denied");
  EXPECT_EQ(member(ends[2], "status"), "invalid");
  EXPECT_EQ(records("mcp_call_start").size(), 1U);
}

TEST_F(InnerCalls, ArgumentsAndResultsAreCheckedAsForClients) {
  sandbox_.result = R"({"content":[]})";
  const auto replies =
      ask("write", {R"({"name":"read"})", R"({"name":"read","arguments":{"text":"a"}})"}, alice_);
  EXPECT_EQ(member(replies[0], "result.isError"), "true");
  EXPECT_TRUE(replies[0].contains("text")) << replies[0];
  EXPECT_EQ(member(replies[1], "result.isError"), "true");
  EXPECT_TRUE(replies[1].contains("breaks its own output schema")) << replies[1];
  EXPECT_EQ(sandbox_.calls.size(), 2U);
  EXPECT_EQ(member(records()[0], "status"), "invalid");
  EXPECT_EQ(member(records()[0], "reason"), "arguments");
  EXPECT_EQ(member(records()[1], "status"), "error");
}

TEST_F(InnerCalls, AToolFindsThoseOfItsSetByTheirOwnNames) {
  settings_.tool_sets[0].view.prefix = "demo_";
  use_settings();
  sandbox_.asker = "write";
  for (const char* name : {"read", "demo_read", "launch", "demo_nothing"}) {
    sandbox_.questions.emplace_back(
        Kind::kCallTool, R"({"name":")" + std::string(name) + R"(","arguments":{"text":"a"}})");
  }
  const auto answer = send(legacy("tools/call", R"("name":"demo_write","arguments":{})"), alice_);
  EXPECT_EQ(answer.status, 200);
  ASSERT_EQ(sandbox_.calls.size(), 4U);
  EXPECT_EQ(sandbox_.calls[1].tool, "read");
  EXPECT_EQ(sandbox_.calls[2].tool, "read");
  EXPECT_EQ(sandbox_.calls[3].tool, "launch");
  EXPECT_EQ(sandbox_.calls[3].parent, "") << "another set has no place to lend";
  EXPECT_EQ(member(records()[0], "tool"), "demo_read");
  EXPECT_EQ(member(sandbox_.replies.rbegin()->second, "error.message"),
            "Unknown tool: demo_nothing");
}

TEST_F(InnerCalls, HowDeepAndHowManyAreBounded) {
  settings_.inner_depth_max = 2;
  settings_.inner_calls_max = 3;
  use_settings();
  sandbox_.questions = {{Kind::kCallTool, R"({"name":"write"})"},
                        {Kind::kCallTool, R"({"name":"write"})"}};
  EXPECT_EQ(send(legacy("tools/call", kWrite)).status, 200);  // Each of them asks so.
  ASSERT_EQ(sandbox_.calls.size(), 4U);
  const auto reply_to = [this](std::size_t call, int which) {
    auto reply = sandbox_.replies.lower_bound(sandbox_.calls[call].id);
    std::advance(reply, which);
    return reply->second;
  };
  EXPECT_EQ(sandbox_.calls[2].parent, sandbox_.calls[1].id);
  EXPECT_TRUE(reply_to(2, 0).contains("deep already")) << reply_to(2, 0);
  EXPECT_TRUE(reply_to(0, 0).contains("result"));
  EXPECT_TRUE(reply_to(0, 1).contains("has made 3 calls")) << reply_to(0, 1);
  EXPECT_EQ(member(records()[0], "reason"), "inner calls");
}

TEST_F(InnerCalls, TheyEndWithTheCallOfTheClient) {
  sandbox_.asker = "write";
  sandbox_.questions = {{Kind::kCallTool, R"({"name":"read","arguments":{"text":"a"}})"}};
  sandbox_.inner_behaviour = &FakeSandbox::wait;
  const auto call = send_later(modern("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  call->exchange.abort();
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.disconnected == 2; }));
  ASSERT_TRUE(run_until(loop_, [this] { return records().size() == 2; }));
  for (const std::string& end : records()) {
    EXPECT_EQ(member(end, "status"), "cancelled");
    EXPECT_EQ(member(end, "reason"), "client disconnected");
  }
}

TEST_F(InnerCalls, NoRecordNoCall) {
  std::optional<FullDisk> full;
  sandbox_.on_call = [&] { full.emplace(audit_file()); };
  sandbox_.asker = "write";
  sandbox_.questions = {{Kind::kCallTool, R"({"name":"read","arguments":{"text":"a"}})"}};
  EXPECT_EQ(send(legacy("tools/call", kWrite)).status, 503);
  EXPECT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_TRUE(sandbox_.replies.begin()->second.contains("could not be recorded"));
}

TEST_F(TestGateway, ASessionIsItsPrincipalsForADay) {
  const std::string session = initialize(alice_);
  const auto ping = [this](std::string id, const std::string& who) {
    const auto response = send(with(legacy("ping"), "Mcp-Session-Id", std::move(id)), who);
    return response.status == 200 ? "" : refusal(response);
  };
  const std::string unknown = "404 404 This session is unknown or has ended; initialize again.";
  EXPECT_EQ(ping(session, alice_), "");
  EXPECT_EQ(ping(session, bob_), unknown);
  EXPECT_EQ(member(records().back(), "reason"), "session");
  std::string forged = session;
  forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(ping(forged, alice_), unknown);
  EXPECT_EQ(ping("", alice_), unknown);
  clock_.advance(kSessionLifetime - 1s);
  EXPECT_EQ(ping(session, alice_), "");
  clock_.advance(2s);
  EXPECT_EQ(ping(session, alice_), unknown);
}

TEST_F(TestGateway, TheModernEraIgnoresASessionAlsoWhereTheRequestIsWrong) {
  EXPECT_EQ(send(with(modern("tools/list"), "Mcp-Session-Id", "made up")).status, 200);
  const auto response = send(with(modern("no/such"), "Mcp-Session-Id", "made up"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(member(response.body, "error.code"), "-32601");
}

// --- batches ---

TEST_F(TestGateway, ABatchIsAnsweredMessageByMessage) {
  const std::string body = "[" + legacy("ping", "", "1").body +
                           R"(,{"jsonrpc":"2.0","method":"notifications/initialized"},)" +
                           legacy("tools/call", kWrite, R"("two")").body + ",5," +
                           legacy("tools/call", kWrite, "3").body + "]";
  const auto response = send({.body = body});
  EXPECT_EQ(response.status, 200);
  const std::string done = R"("result":{"content":[{"type":"text","text":"done"}]}})";
  EXPECT_EQ(response.body, R"([{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":"two",)" +
                               done +
                               R"(,{"jsonrpc":"2.0","id":null,"error":{"code":-32600,)"
                               R"("message":"a JSON-RPC message must be an object"}},)"
                               R"({"jsonrpc":"2.0","id":3,)" +
                               done + "]");
  // Two equal calls are two calls, each with its records.
  ASSERT_EQ(sandbox_.calls.size(), 2U);
  EXPECT_EQ(sandbox_.refused, 0);
  const auto all = records();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(member(all[2], "request_id"), header(response, "X-Request-Id") + "-2");
  EXPECT_EQ(sandbox_.calls[0].id, member(all[2], "request_id"));
  EXPECT_EQ(sandbox_.calls[1].id, member(all[4], "request_id"));
  EXPECT_EQ(member(all[3], "status"), "invalid");
}

TEST_F(TestGateway, ABatchOfNotificationsHasNoAnswer) {
  const auto response =
      send({.body = R"([{"jsonrpc":"2.0","method":"notifications/initialized"}])"});
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.body, "");
}

TEST_F(TestGateway, ABatchWhoseRecordIsLostStaysHereWhole) {
  sandbox_.result = R"({"content":[{"type":"text","text":"precious"}]})";
  std::optional<FullDisk> full;
  sandbox_.on_call = [&] { full.emplace(audit_file()); };
  const auto response = send({.body = "[" + legacy("ping", "", "1").body + "," +
                                      legacy("tools/call", kWrite, "2").body + "," +
                                      legacy("tools/call", kWrite, "3").body + "]"});
  full.reset();
  EXPECT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(header(response, "Retry-After"), "5");
  EXPECT_EQ(member(response.body, "error.code"), "-32603");
  EXPECT_EQ(member(response.body, "id"), "null");
  EXPECT_FALSE(response.body.contains("precious"));
}

TEST_F(TestGateway, ABatchMeetsAChangeOfTheConfiguration) {
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto batch = send_later({.body = "[" + legacy("tools/call", kWrite, "1").body + "," +
                                         legacy("tools/call", kWrite, "2").body + "]"},
                                alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  settings_.tool_sets.erase(settings_.tool_sets.begin());
  use_settings();
  sandbox_.released.cancel();
  ASSERT_TRUE(wait_for(batch));
  EXPECT_TRUE(batch->body.contains("done"));
  EXPECT_TRUE(batch->body.contains("Unknown tool: write"));
  EXPECT_EQ(sandbox_.calls.size(), 1U);
}

// --- the world changes ---

TEST_F(TestGateway, ACallOutlivesTheSnapshotItBeganIn) {
  sandbox_.behaviour = &FakeSandbox::wait;
  const auto call = send_later(modern("tools/call", kWrite), alice_);
  ASSERT_TRUE(run_until(loop_, [this] { return sandbox_.waiting == 1; }));
  settings_.tool_sets.clear();
  keys_.clear();
  use_settings();
  sandbox_.released.cancel();
  ASSERT_TRUE(wait_for(call));
  EXPECT_EQ(text_of(call->body), "done");
  EXPECT_EQ(member(record(), "user"), "alice");
  EXPECT_EQ(send(legacy("ping")).status, 401);
}

TEST_F(TestGateway, ARevokedKeyEndsWithTheNextRequest) {
  EXPECT_EQ(send(legacy("ping")).status, 200);
  keys_[0].revoked = clock_.wall_now();
  use_settings();
  EXPECT_EQ(send(legacy("ping")).status, 401);
  EXPECT_EQ(member(records().back(), "reason"), "revoked");
}

}  // namespace
}  // namespace mcpgate::gateway
