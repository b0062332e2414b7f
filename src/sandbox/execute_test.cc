#include "sandbox/execute.h"

#include <gtest/gtest.h>

namespace mcpgate::sandbox {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');
constexpr std::string_view kUsage =
    R"("usage":{"cpu_ms":1,"wall_ms":2,"peak_rss_bytes":3,"output_bytes":4},"profile":"pod")";

std::string request_json(std::string_view arguments, std::string_view call_members = "") {
  return R"({"tool":"t","arguments":)" + std::string(arguments) +
         R"(,"call":{"id":"c-1","user":"alice","deadline_ms":1000,"tool_sha256":")" + kDigest +
         "\"" + std::string(call_members) + "}}";
}

std::string answer_json(std::string_view result) {
  return R"({"result":)" + std::string(result) + "," + std::string(kUsage) + "}";
}

class ExecuteTest : public ::testing::Test {
 protected:
  json::Parser parser_{1 << 20};
};

TEST_F(ExecuteTest, RequestIsReadBackAndArgumentsKeepTheirBytes) {
  const ExecuteRequest request{
      .tool = "log_store",
      .arguments = R"({ "a":1.50, "b":"\u00e9" })",
      .call_id = "c_1-x",
      .user = "älice \"x\"",
      .issuer = "https://idp/realms/x",
      .subject = "f:1\n2",
      .deadline = std::chrono::milliseconds{1234},
      .tool_sha256 = kDigest,
      .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
  const std::string body = write_execute_request(request);
  const auto read = parse_execute_request(body, parser_);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->tool, request.tool);
  EXPECT_EQ(read->arguments, request.arguments);
  EXPECT_EQ(read->call_id, request.call_id);
  EXPECT_EQ(read->user, request.user);
  EXPECT_EQ(read->issuer, request.issuer);
  EXPECT_EQ(read->subject, request.subject);
  EXPECT_EQ(read->deadline, request.deadline);
  EXPECT_EQ(read->tool_sha256, request.tool_sha256);
  EXPECT_EQ(read->traceparent, request.traceparent);
}

TEST_F(ExecuteTest, ADetachedRequestSaysHowLongItIsKept) {
  const std::string body = write_execute_request({.tool = "t",
                                                  .call_id = "c-1",
                                                  .user = "alice",
                                                  .tool_sha256 = kDigest,
                                                  .ttl = std::chrono::milliseconds{5000}});
  EXPECT_EQ(parse_execute_request(body, parser_)->ttl, std::chrono::milliseconds{5000});
  const std::string attached = request_json("{}", R"(,"detach":false,"ttl_ms":7)");
  EXPECT_EQ(parse_execute_request(attached, parser_)->ttl, std::chrono::milliseconds{0});
}

TEST_F(ExecuteTest, TheStateOfADetachedCallIsReadBackAndNothingElseIsOne) {
  const DetachedState state{.ttl = std::chrono::milliseconds{12},
                            .idle = std::chrono::milliseconds{7},
                            .events = 3,
                            .is_asking = true,
                            .has_ended = false,
                            .is_cancelled = true};
  const auto read = parse_detached_state(write_detached_state(state), parser_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, state);
  const std::string good =
      R"({"ttl_ms":1,"idle_ms":2,"events":1,"asking":true,"ended":true,"cancelled":false})";
  ASSERT_TRUE(parse_detached_state(good, parser_));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"("ttl_ms":1,)", ""},
           {R"("idle_ms":2,)", ""},
           {R"(,"cancelled":false)", ""},
           {R"("ended":true)", R"("ended":1)"},
           {R"("ttl_ms":1)", R"("ttl_ms":-1)"},
           {R"("ttl_ms":1)", R"("ttl_ms":86400001)"},
           {R"("idle_ms":2)", R"("idle_ms":86400001)"},
           {R"("cancelled":false)", R"("cancelled":false,"more":1)"},
           {R"("idle_ms":2)", R"("ttl_ms":1)"}}) {
    std::string bad = good;
    EXPECT_FALSE(parse_detached_state(bad.replace(bad.find(from), from.size(), to), parser_))
        << bad;
  }
  for (const char* bad : {"", "[]", "{}"}) {
    EXPECT_FALSE(parse_detached_state(bad, parser_)) << bad;
  }
}

TEST_F(ExecuteTest, RequestsOutOfFormAreRefusedWithTheMember) {
  ASSERT_TRUE(parse_execute_request(request_json("{}"), parser_).has_value());
  ASSERT_TRUE(parse_execute_request(request_json("{}", R"(,"detach":false,"ttl_ms":0)"), parser_)
                  .has_value());
  const auto replaced = [](std::string_view from, std::string_view to) {
    std::string body = request_json("{}");
    return body.replace(body.find(from), from.size(), to);
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"null", "object"},
      {"[]", "object"},
      {"{}", "tool"},
      {request_json("[]"), "arguments"},
      {request_json("1"), "arguments"},
      {request_json(R"({"a":)" + std::string(5000, '[') + std::string(5000, ']') + "}"), ""},
      {request_json("{}", R"(,"id":"c-2")"), "duplicate"},
      {request_json("{}", R"(,"detach":true)"), "ttl_ms"},
      {request_json("{}", R"(,"detach":true,"ttl_ms":0)"), "ttl_ms"},
      {request_json("{}", R"(,"detach":true,"ttl_ms":86400001)"), "ttl_ms"},
      {request_json("{}", R"(,"detach":true,"ttl_ms":1,"parent":"c-0")"), "detach"},
      {request_json("{}", R"(,"detach":1)"), "detach"},
      {request_json("{}", R"(,"ttl_ms":-1)"), "ttl_ms"},
      {request_json("{}", R"(,"root":true)"), "call"},
      {request_json("{}", R"(,"sub":1)"), "type"},
      {request_json("{}", R"(,"iss":")" + std::string(2049, 'a') + "\""), "call.iss"},
      {request_json("{}", R"(,"traceparent":"x\ny")"), "traceparent"},
      {replaced(R"("tool":"t")", R"("tool":"../t")"), "tool"},
      {replaced(R"("tool":"t")", R"("tool":7)"), "tool"},
      {replaced(R"("tool":"t")", R"("tool":"t","tool":"u")"), "duplicate"},
      {replaced(R"("tool":"t")", R"("tool":"t","to\u006fl":"u")"), "duplicate"},
      {replaced(R"("tool":"t")", R"("tool":"t","env":{})"), "unknown"},
      {replaced("c-1", "c/1"), "call.id"},
      {replaced("c-1", ""), "call.id"},
      {replaced("c-1", std::string(129, 'a')), "call.id"},
      {replaced("alice", std::string(513, 'a')), "user"},
      {replaced("1000", "0"), "deadline"},
      {replaced("1000", "-1"), "deadline"},
      {replaced("1000", "86400001"), "deadline"},
      {replaced("1000", "1e3"), "type"},
      {replaced("1000", "9223372036854775808"), "type"},
      {replaced("sha256:", "md5:"), "tool_sha256"},
      {replaced(R"("call":{)", R"("call":[],"x":{)"), "call"},
  };
  for (const auto& [body, word] : cases) {
    const auto read = parse_execute_request(body, parser_);
    ASSERT_FALSE(read.has_value()) << body.substr(0, 200);
    EXPECT_NE(read.error().message.find(word), std::string::npos)
        << body.substr(0, 200) << " → " << read.error().message;
  }
}

TEST_F(ExecuteTest, AnswerIsReadBackAndTheResultKeepsItsBytes) {
  const std::string_view bytes =
      R"({"content":[{"type":"text","text":"\u00e9 1.50"}],"isError":false})";
  const Usage usage{.cpu_ms = 1, .wall_ms = 2, .peak_rss_bytes = 3, .output_bytes = 4};
  const auto result =
      parse_answer(write_answer(AnswerForm::kPlain, bytes, usage, "strict"), parser_);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->call_tool_result(), bytes);
  EXPECT_FALSE(result->is_error);
  EXPECT_EQ(result->usage, usage);
  EXPECT_EQ(result->profile, "strict");
  EXPECT_FALSE(result->reason.has_value());

  const Result moved = *std::move(result);
  EXPECT_EQ(moved.call_tool_result(), bytes);
}

// Line feeds between tokens would end a line of ndjson or of SSE early, and what follows would be
// read as another event.
TEST_F(ExecuteTest, LineFeedsNeverLeaveTheirLine) {
  const std::string pretty = "{\n\"content\":\r\n[]\n}";
  const std::string line = write_answer(AnswerForm::kEvent, pretty, {}, "pod");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\r'), std::string::npos);
  const auto result = parse_answer(answer_json(pretty), parser_);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->call_tool_result(), "{ \"content\":  [] }");
  EXPECT_EQ(write_progress_event("{\"progress\":\n1}"),
            "{\"event\":\"progress\",\"params\":{\"progress\": 1}}\n");
}

TEST_F(ExecuteTest, HostileAnswersAreRefused) {
  ASSERT_TRUE(parse_answer(answer_json(R"({"content":[]})"), parser_).has_value());
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("[]"), answer_json("null"),
        answer_json(R"({"content":[]},"result":{"content":[]})"),
        answer_json(R"({"content":[]},"params":{})"),
        answer_json(R"({"content":[]},"event":"result")"),
        std::string(R"({"result":{"content":[]},"usage":{}})"),
        std::string(R"({"result":{"content":[]},"usage":{},"profile":"a\nb"})"),
        std::string(R"({"result":{"content":[]},"usage":{"cpu_ms":-1},"profile":"pod"})"),
        std::string(R"({"result":{"content":[]},"usage":{"cpu_ms":1.5},"profile":"pod"})"),
        answer_json(R"({"content":[]})") + "x", std::string(2 << 20, ' ')}) {
    EXPECT_FALSE(parse_answer(body, parser_).has_value()) << body.substr(0, 200);
  }
}

TEST_F(ExecuteTest, EventsAreReadBack) {
  const auto event_of = [&](std::string line) {
    EXPECT_TRUE(line.ends_with('\n'));
    line.pop_back();
    return parse_event(std::move(line), parser_);
  };
  const auto progress =
      event_of(write_progress_event(R"({"progress":1,"total":4.5,"message":"m"})"));
  ASSERT_TRUE(progress.has_value()) << progress.error().message;
  EXPECT_EQ(std::get<Progress>(*progress).params, R"({"progress":1,"total":4.5,"message":"m"})");
  const auto log = event_of(write_log_event(R"({"level":"warning","data":{"a":1}})"));
  ASSERT_TRUE(log.has_value()) << log.error().message;
  EXPECT_EQ(std::get<Log>(*log).params, R"({"level":"warning","data":{"a":1}})");
  const auto asked = event_of(write_question_event(3, Question::Kind::kCallTool,
                                                   "{\"name\":\"a\",\n\"arguments\":{\"b\":1}}"));
  ASSERT_TRUE(asked.has_value()) << asked.error().message;
  EXPECT_EQ(std::get<Question>(*asked).number, 3U);
  EXPECT_EQ(std::get<Question>(*asked).kind, Question::Kind::kCallTool);
  EXPECT_EQ(std::get<Question>(*asked).params, R"({"name":"a", "arguments":{"b":1}})");
  const auto client = event_of(
      write_question_event(4, Question::Kind::kAskClient,
                           R"({"inputRequests":{"where":{"method":"roots/list","params":{}}}})"));
  ASSERT_TRUE(client.has_value()) << client.error().message;
  EXPECT_EQ(std::get<Question>(*client).kind, Question::Kind::kAskClient);
  const auto result = event_of(write_answer(AnswerForm::kEvent, R"({"content":[]})", {}, "pod"));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(std::get<Result>(*result).call_tool_result(), R"({"content":[]})");
}

TEST_F(ExecuteTest, HostileEventsAreRefused) {
  for (const std::string_view line :
       {"",
        "{}",
        R"({"event":"progress"})",
        R"({"event":"progress","params":[]})",
        R"({"event":"progress","params":{}})",
        R"({"event":"progress","params":{"progress":"1"}})",
        R"({"event":"progress","params":{"progress":1,"progressToken":"x"}})",
        R"({"event":"progress","params":{"progress":1,"progress":2}})",
        R"({"event":"progress","params":{"progress":1},"result":{"content":[]}})",
        R"({"event":"log","params":{"level":"loud","data":1}})",
        R"({"event":"log","params":{"level":"info"}})",
        R"({"event":"log","params":{"data":1}})",
        R"({"event":"log","params":{"level":"info","data":1,"logger":2}})",
        R"({"event":"request","params":{}})",
        R"({"event":1,"params":{}})",
        R"({"event":"request","id":1,"method":"tools/list","params":{"name":"a"}})",
        R"({"event":"request","id":0,"method":"tools/call","params":{"name":"a"}})",
        R"({"event":"request","id":-1,"method":"tools/call","params":{"name":"a"}})",
        R"({"event":"request","id":1,"method":"tools/call","params":{"name":1}})",
        R"({"event":"request","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}})",
        R"({"event":"request","id":1,"method":"tools/call","params":{"name":"a","name":"b"}})",
        R"({"event":"request","id":1,"method":"elicitation/create","params":{"message":"a"}})",
        R"({"event":"request","id":1,"method":"input_required","params":{}})",
        R"({"event":"request","id":1,"method":"input_required","params":{"inputRequests":{}}})",
        (R"({"event":"request","id":1,"method":"input_required","params":{"inputRequests":)"
         R"({"a":{"method":"tools/call","params":{}}}}})"),
        R"({"event":"result","id":1,"result":{"content":[]},"usage":{},"profile":"pod"})",
        R"({"event":"result","result":{}})"}) {
    EXPECT_FALSE(parse_event(std::string(line), parser_).has_value()) << line;
  }
}

TEST_F(ExecuteTest, RepliesAreReadBack) {
  const std::string given = write_reply({.number = 7, .result = R"({"content":[]})"});
  const auto result = parse_reply(given, parser_);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->number, 7U);
  EXPECT_EQ(result->result, R"({"content":[]})");
  const std::string refused = write_reply({.number = 1, .error = "no \"such\" tool"});
  const auto error = parse_reply(refused, parser_);
  ASSERT_TRUE(error) << error.error().message;
  EXPECT_EQ(error->error, "no \"such\" tool");
  EXPECT_EQ(error->result, "");
}

TEST(Reason, EveryWordIsReadBack) {
  for (std::size_t i = 0; i < kReasons; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_EQ(parse_reason(to_string(reason)), reason);
  }
  EXPECT_EQ(to_string(Reason::kSandboxUnavailable), "sandbox_unavailable");
  EXPECT_EQ(parse_reason("none"), std::nullopt);
}

}  // namespace
}  // namespace mcpgate::sandbox
