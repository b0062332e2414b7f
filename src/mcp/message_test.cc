// What each kind of body is answered with: the ladder of both eras, with the exact HTTP status and
// JSON-RPC code of each rung (docs/specification/2026-07-28/basic/{index,versioning,transports}).

#include "mcp/message.h"

#include <gtest/gtest.h>

#include <ostream>

#include "base/encoding.h"

namespace mcpgate::mcp {
namespace {

using std::string;
using std::string_view;

constexpr string_view kModern = "2026-07-28";
constexpr string_view kEnvelope =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientCapabilities":{}})";

string request(string_view method, string_view members = "") {
  string body = R"({"jsonrpc":"2.0","id":7,"method":")" + string(method) + R"(","params":{)";
  return body + string(members) + "}}";
}
string modern(string_view method, string_view members = "") {
  return request(method, string(kEnvelope) + (members.empty() ? "" : ",") + string(members));
}

class MessageTest : public testing::Test {
 protected:
  RpcExpected<Body> read(string_view body, const Headers& headers = {}) {
    bytes_ = body;
    return read_body(parser_, bytes_, headers);
  }
  /// The only message of a body.
  Incoming read_one(string_view body, const Headers& headers = {}) {
    auto whole = read(body, headers);
    if (!whole || whole->incoming.size() != 1 || whole->batch) {
      ADD_FAILURE() << body;
      return {};
    }
    return whole->incoming.front();
  }

  json::Parser parser_{1 << 20};
  string bytes_;
};

// --- the ladder ---

/// What a rung answers with; a code of 0: the message may be served.
struct Rung {
  string name;
  string body;
  Headers headers;
  int status;
  int code;
  Era era;
  string message = {};
};
void PrintTo(const Rung& rung, std::ostream* out) {
  *out << rung.name;
}

class Ladder : public MessageTest, public testing::WithParamInterface<Rung> {};

TEST_P(Ladder, AnswersWithStatusAndCode) {
  const Rung& rung = GetParam();
  const Incoming incoming = read_one(rung.body, rung.headers);
  EXPECT_EQ(incoming.era, rung.era);
  EXPECT_EQ(incoming.id, "7");
  if (rung.code == 0) {
    ASSERT_TRUE(incoming.message) << incoming.message.error().message;
    EXPECT_EQ(incoming.message->era(), rung.era);
    return;
  }
  ASSERT_FALSE(incoming.message);
  EXPECT_EQ(static_cast<int>(incoming.message.error().code), rung.code);
  EXPECT_EQ(incoming.message.error().http_status, rung.status);
  EXPECT_EQ(incoming.message.error().message, rung.message);
}

// NOLINTNEXTLINE(readability-function-size): a table of cases, one after the other.
std::vector<Rung> modern_ladder() {
  const string call = modern("tools/call", R"("name":"t")");
  const string old_envelope = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25",)"
                              R"("io.modelcontextprotocol/clientCapabilities":{}})";
  const string unknown_envelope =
      R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01",)"
      R"("io.modelcontextprotocol/clientCapabilities":{}})";
  const string only_version = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"})";
  const string number_version = R"("_meta":{"io.modelcontextprotocol/protocolVersion":1,)"
                                R"("io.modelcontextprotocol/clientCapabilities":{}})";
  const string only_capabilities = R"("_meta":{"io.modelcontextprotocol/clientCapabilities":{}})";
  const string bad_level = string(kEnvelope.substr(0, kEnvelope.size() - 1)) +
                           R"(,"io.modelcontextprotocol/logLevel":"loud"})";
  const string bad_token =
      string(kEnvelope.substr(0, kEnvelope.size() - 1)) + R"(,"progressToken":1.5})";
  const string with_tasks = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                            R"("io.modelcontextprotocol/clientCapabilities":{"extensions":{)"
                            R"("io.modelcontextprotocol/tasks":{}}}},)";
  const Era m = Era::kModern;
  return {
      {"a task",
       request("tasks/get", with_tasks + R"("taskId":"x")"),
       {kModern, "tasks/get", "x"},
       200,
       0,
       m},
      {"a task of a client that does not know tasks",
       modern("tasks/get", R"("taskId":"x")"),
       {kModern, "tasks/get", "x"},
       400,
       -32021,
       m,
       "The client must declare the extension io.modelcontextprotocol/tasks"},
      {"a task that its header names otherwise",
       request("tasks/cancel", with_tasks + R"("taskId":"x")"),
       {kModern, "tasks/cancel", "y"},
       400,
       -32020,
       m,
       "Mcp-Name does not agree with params.taskId"},
      {"a task without its id",
       request("tasks/get", with_tasks + R"("task":"x")"),
       {kModern, "tasks/get", "x"},
       200,
       -32602,
       m,
       "params.taskId: the task's id is missing"},
      {"responses that are no object",
       request("tasks/update", with_tasks + R"("taskId":"x","inputResponses":null)"),
       {kModern, "tasks/update", "x"},
       200,
       -32602,
       m,
       "params.inputResponses: must be an object"},
      {"the list of tasks is gone",
       request("tasks/list", with_tasks + R"("x":1)"),
       {kModern, "tasks/list", {}},
       404,
       -32601,
       m,
       "Method not found"},
      {"list", modern("tools/list"), {kModern, "tools/list", {}}, 200, 0, m},
      {"call", call, {kModern, "tools/call", "t"}, 200, 0, m},
      {"discover", modern("server/discover"), {kModern, "server/discover", {}}, 200, 0, m},
      {"an envelope without a version header",
       modern("tools/list"),
       {{}, "tools/list", {}},
       400,
       -32020,
       m,
       "MCP-Protocol-Version is missing"},
      {"a version header without envelope",
       request("tools/list"),
       {kModern, "tools/list", {}},
       400,
       -32602,
       m,
       "params._meta: io.modelcontextprotocol/protocolVersion (string) and "
       "io.modelcontextprotocol/clientCapabilities (object) are required"},
      {"initialize without envelope, with a modern header",
       request("initialize", R"("protocolVersion":"2025-11-25")"),
       {kModern, {}, {}},
       400,
       -32020,
       m,
       "initialize does not exist in the version that MCP-Protocol-Version names"},
      {"no capabilities",
       request("tools/list", only_version),
       {kModern, "tools/list", {}},
       400,
       -32602,
       m,
       "params._meta: io.modelcontextprotocol/protocolVersion (string) and "
       "io.modelcontextprotocol/clientCapabilities (object) are required"},
      {"no version in _meta",
       request("tools/list", only_capabilities),
       {kModern, "tools/list", {}},
       400,
       -32602,
       m,
       "params._meta: io.modelcontextprotocol/protocolVersion (string) and "
       "io.modelcontextprotocol/clientCapabilities (object) are required"},
      {"a version that is no string, header or not",
       request("tools/list", number_version),
       {{}, "tools/list", {}},
       400,
       -32602,
       m,
       "params._meta: io.modelcontextprotocol/protocolVersion (string) and "
       "io.modelcontextprotocol/clientCapabilities (object) are required"},
      {"header and envelope differ",
       modern("tools/list"),
       {"2025-11-25", "tools/list", {}},
       400,
       -32020,
       m,
       "MCP-Protocol-Version does not agree with params._meta"},
      {"an unknown version in both",
       request("tools/list", unknown_envelope),
       {"2099-01-01", "tools/list", {}},
       400,
       -32022,
       m,
       "Unsupported protocol version"},
      {"an unknown version in the envelope alone",
       request("tools/list", unknown_envelope),
       {{}, "tools/list", {}},
       400,
       -32022,
       m,
       "Unsupported protocol version"},
      {"an unknown version in the envelope, ours in the header",
       request("tools/list", unknown_envelope),
       {kModern, "tools/list", {}},
       400,
       -32020,
       m,
       "MCP-Protocol-Version does not agree with params._meta"},
      {"a legacy version in the envelope",
       request("tools/list", old_envelope),
       {"2025-11-25", "tools/list", {}},
       400,
       -32022,
       m,
       "Unsupported protocol version"},
      {"no Mcp-Method",
       modern("tools/list"),
       {kModern, {}, {}},
       400,
       -32020,
       m,
       "Mcp-Method is missing"},
      {"another Mcp-Method",
       modern("tools/list"),
       {kModern, "tools/call", {}},
       400,
       -32020,
       m,
       "Mcp-Method does not agree with the body's method"},
      {"Mcp-Method in another case",
       modern("tools/list"),
       {kModern, "Tools/List", {}},
       400,
       -32020,
       m,
       "Mcp-Method does not agree with the body's method"},
      {"no Mcp-Name", call, {kModern, "tools/call", {}}, 400, -32020, m, "Mcp-Name is missing"},
      {"another Mcp-Name",
       call,
       {kModern, "tools/call", "u"},
       400,
       -32020,
       m,
       "Mcp-Name does not agree with params.name"},
      {"Mcp-Method is checked before the method",
       modern("no/such"),
       {kModern, "tools/list", {}},
       400,
       -32020,
       m,
       "Mcp-Method does not agree with the body's method"},
      {"an unknown method",
       modern("no/such"),
       {kModern, "no/such", {}},
       404,
       -32601,
       m,
       "Method not found"},
      {"ping is gone", modern("ping"), {kModern, "ping", {}}, 404, -32601, m, "Method not found"},
      {"initialize with an envelope",
       modern("initialize", R"("protocolVersion":"2025-11-25")"),
       {kModern, "initialize", {}},
       404,
       -32601,
       m,
       "Method not found"},
      {"logging/setLevel is gone",
       modern("logging/setLevel", R"("level":"info")"),
       {kModern, "logging/setLevel", {}},
       404,
       -32601,
       m,
       "Method not found"},
      {"no name",
       modern("tools/call"),
       {kModern, "tools/call", "t"},
       200,
       -32602,
       m,
       "params.name: the tool's name is missing"},
      {"arguments that are no object",
       modern("tools/call", R"("name":"t","arguments":[1])"),
       {kModern, "tools/call", "t"},
       200,
       -32602,
       m,
       "params.arguments: must be an object"},
      {"a cursor that is no string",
       modern("tools/list", R"("cursor":null)"),
       {kModern, "tools/list", {}},
       200,
       -32602,
       m,
       "params.cursor: must be a string"},
      {"a resource without its URI",
       modern("resources/read"),
       {kModern, "resources/read", {}},
       200,
       -32602,
       m,
       "params.uri: the resource's URI is missing"},
      {"a resource whose header is missing",
       modern("resources/read", R"("uri":"a://b")"),
       {kModern, "resources/read", {}},
       400,
       -32020,
       m,
       "Mcp-Name is missing"},
      {"a resource that its header names otherwise",
       modern("resources/read", R"("uri":"a://b")"),
       {kModern, "resources/read", "a://c"},
       400,
       -32020,
       m,
       "Mcp-Name does not agree with params.uri"},
      {"a resource",
       modern("resources/read", R"("uri":"a://b")"),
       {kModern, "resources/read", "a://b"},
       200,
       0,
       m},
      {"a prompt that its header names otherwise",
       modern("prompts/get", R"("name":"p")"),
       {kModern, "prompts/get", "q"},
       400,
       -32020,
       m,
       "Mcp-Name does not agree with params.name"},
      {"a completion without its reference",
       modern("completion/complete"),
       {kModern, "completion/complete", {}},
       200,
       -32602,
       m,
       "params.ref: want ref/prompt with a name, or ref/resource with a uri"},
      {"setLevel is gone",
       modern("logging/setLevel", R"("level":"info")"),
       {kModern, "logging/setLevel", {}},
       404,
       -32601,
       m,
       "Method not found"},
      {"the empty cursor",
       modern("tools/list", R"("cursor":"")"),
       {kModern, "tools/list", {}},
       200,
       0,
       m},
      {"a log level of nobody",
       request("tools/list", bad_level),
       {kModern, "tools/list", {}},
       200,
       -32602,
       m,
       "params._meta.io.modelcontextprotocol/logLevel: not a log level"},
      {"a progress token that is a fraction",
       request("tools/list", bad_token),
       {kModern, "tools/list", {}},
       200,
       -32602,
       m,
       "params._meta.progressToken: must be a string or a whole number"},
  };
}

// NOLINTNEXTLINE(readability-function-size): a table of cases, one after the other.
std::vector<Rung> legacy_ladder() {
  const Era l = Era::kLegacy;
  const string call = request("tools/call", R"("name":"t")");
  return {
      {"initialize", request("initialize", R"("protocolVersion":"2025-06-18")"), {}, 200, 0, l},
      {"initialize with a header of any version",
       request("initialize", R"("protocolVersion":"2025-06-18")"),
       {"1999-01-01", "initialize", {}},
       200,
       0,
       l},
      {"initialize for a modern version",
       request("initialize", R"("protocolVersion":"2026-07-28")"),
       {},
       200,
       0,
       l},
      {"initialize without a version",
       request("initialize"),
       {},
       200,
       -32602,
       l,
       "params.protocolVersion: missing"},
      {"no header", call, {}, 200, 0, l},
      {"2025-03-26", call, {"2025-03-26", {}, {}}, 200, 0, l},
      {"2025-06-18", call, {"2025-06-18", {}, {}}, 200, 0, l},
      {"2025-11-25", call, {"2025-11-25", {}, {}}, 200, 0, l},
      {"an unknown version",
       call,
       {"2099-01-01", {}, {}},
       400,
       -32600,
       l,
       "MCP-Protocol-Version: not a version of this server"},
      {"the version of the SSE transport",
       call,
       {"2024-11-05", {}, {}},
       400,
       -32600,
       l,
       "MCP-Protocol-Version: not a version of this server"},
      {"an unknown method", request("no/such"), {}, 200, -32601, l, "Method not found"},
      {"discover does not exist",
       request("server/discover"),
       {},
       200,
       -32601,
       l,
       "Method not found"},
      {"ping", request("ping"), {}, 200, 0, l},
      {"_meta that is no object",
       request("ping", R"("_meta":1)"),
       {},
       200,
       -32602,
       l,
       "params._meta: must be an object"},
      {"no name",
       request("tools/call"),
       {},
       200,
       -32602,
       l,
       "params.name: the tool's name is missing"},
      {"arguments that are null",
       request("tools/call", R"("name":"t","arguments":null)"),
       {},
       200,
       -32602,
       l,
       "params.arguments: must be an object"},
      // Headers of the other era mean nothing here.
      {"Mcp-Name is not looked at", call, {"2025-11-25", "tools/list", "u"}, 200, 0, l},
  };
}

INSTANTIATE_TEST_SUITE_P(Modern, Ladder, testing::ValuesIn(modern_ladder()));
INSTANTIATE_TEST_SUITE_P(Legacy, Ladder, testing::ValuesIn(legacy_ladder()));

TEST_F(MessageTest, AnUnsupportedVersionNamesThoseThatAre) {
  const Incoming incoming = read_one(
      request("tools/list", R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01",)"
                            R"("io.modelcontextprotocol/clientCapabilities":{}})"),
      {"2099-01-01", "tools/list", {}});
  ASSERT_FALSE(incoming.message);
  EXPECT_EQ(incoming.message.error().data,
            R"({"supported":["2026-07-28"],"requested":"2099-01-01"})");
}

// --- bodies ---

TEST_F(MessageTest, WhatIsNotJsonIsAParseError) {
  const string deep = string(65, '[') + string(65, ']');
  for (const string_view body : std::initializer_list<string_view>{
           "", " ", "{", "nul", "{}{}", "\xff", "{\"a\":\"\xc3\x28\"}", "\xef\xbb\xbf{}", "{'a':1}",
           deep}) {
    const auto whole = read(body);
    ASSERT_FALSE(whole) << body;
    EXPECT_EQ(whole.error().code, RpcCode::kParseError) << body;
    EXPECT_EQ(whole.error().http_status, 400) << body;
  }
}

TEST_F(MessageTest, WhatIsNoMessageIsAnInvalidRequest) {
  for (const string_view body : {
           "1",
           "null",
           R"("x")",
           "{}",
           R"({"id":7,"method":"ping"})",
           R"({"jsonrpc":"1.0","id":7,"method":"ping"})",
           R"({"jsonrpc":2.0,"id":7,"method":"p"})",
           R"({"jsonrpc":"2.0","id":7})",
           R"({"jsonrpc":"2.0","id":7,"method":1})",
           R"({"jsonrpc":"2.0","id":7,"method":"ping","params":[]})",
           R"({"jsonrpc":"2.0","id":7,"method":"ping","params":null})",
           R"({"jsonrpc":"2.0","id":7,"result":[]})",
           R"({"jsonrpc":"2.0","id":7,"result":{"a":1,"a":2}})",
           R"({"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1,"message":"x"}})",
           R"({"jsonrpc":"2.0","id":7,"error":{"code":1}})",
       }) {
    const Incoming incoming = read_one(body);
    ASSERT_FALSE(incoming.message) << body;
    EXPECT_EQ(incoming.message.error().code, RpcCode::kInvalidRequest) << body;
    EXPECT_EQ(incoming.message.error().http_status, 400) << body;
    const bool is_request = body.contains(R"("id":7)") && !body.contains(R"(7,"result")") &&
                            !body.contains(R"(7,"error")");
    EXPECT_EQ(incoming.id, is_request ? "7" : "null") << body;
    EXPECT_FALSE(incoming.is_notification()) << body;
  }
}

TEST_F(MessageTest, AResponseOfTheLegacyEraIsOne) {
  const Incoming result = read_one(R"({"jsonrpc":"2.0","id":"7","result":{"roots":[]}})");
  ASSERT_TRUE(result.message);
  EXPECT_EQ(result.id, "") << "nothing answers it";
  const auto& response = std::get<Respond>(result.message->operation);
  EXPECT_EQ(response.request_id, R"("7")");
  EXPECT_EQ(response.result, R"({"roots":[]})");
  const Incoming error = read_one(R"({"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no"}})");
  ASSERT_TRUE(error.message);
  EXPECT_EQ(std::get<Respond>(error.message->operation).error, "no");
  EXPECT_EQ(std::get<Respond>(error.message->operation).result, "");
}

TEST_F(MessageTest, AnIdIsAStringOrAWholeNumberAndKeepsItsSpelling) {
  const string longest = '"' + string(254, 'x') + '"';
  for (const string_view id :
       std::initializer_list<string_view>{"0", "-1", "9223372036854775807", "18446744073709551615",
                                          R"("a")", R"("")", R"("\u0061 \"")", longest}) {
    const Incoming incoming =
        read_one(R"({"jsonrpc":"2.0","method":"ping","id": )" + string(id) + " }");
    EXPECT_TRUE(incoming.message) << id;
    EXPECT_EQ(incoming.id, id);
  }
  const string too_long = '"' + string(255, 'x') + '"';
  for (const string_view id : std::initializer_list<string_view>{"null", "1.5", "1.0", "1e3",
                                                                 "true", "[1]", "{}", too_long}) {
    const Incoming incoming =
        read_one(R"({"jsonrpc":"2.0","method":"ping","id":)" + string(id) + "}");
    ASSERT_FALSE(incoming.message) << id;
    EXPECT_EQ(incoming.message.error().code, RpcCode::kInvalidRequest) << id;
    EXPECT_EQ(incoming.message.error().http_status, 400) << id;
    EXPECT_EQ(incoming.id, kNullId) << id;
  }
}

TEST_F(MessageTest, ANumberThatNothingHoldsIsNoId) {
  for (const string_view id : {"18446744073709551616", "1e400"}) {
    const auto whole = read(R"({"jsonrpc":"2.0","method":"ping","id":)" + string(id) + "}");
    const auto& error = whole ? whole->incoming.front().message.error() : whole.error();
    EXPECT_EQ(error.http_status, 400) << id;
    EXPECT_EQ(error.code, RpcCode::kInvalidRequest) << id;
    EXPECT_TRUE(error.message.starts_with("a number out of range at byte 38")) << error.message;
  }
}

TEST_F(MessageTest, WhatIsNotJsonIsSaidOnce) {
  const auto body = read("{");
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, RpcCode::kParseError);
  EXPECT_TRUE(body.error().message.starts_with("not JSON: ")) << body.error().message;
  EXPECT_EQ(body.error().message.rfind("not JSON"), 0U) << body.error().message;
}

TEST_F(MessageTest, AKeyMustNotStandTwice) {
  for (
      const string_view body : {
          R"({"jsonrpc":"2.0","id":7,"method":"tools/list","method":"tools/call"})",
          R"({"jsonrpc":"2.0","id":7,"method":"tools/list","m\u0065thod":"tools/call"})",
          R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a"},"params":{}})",
          R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","name":"b"}})",
          R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","n\u0061me":"b"}})",
          R"({"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":{"a":1,"a":1}}})",
          R"({"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":[{"a":1,"a":1}]}})",
          R"({"jsonrpc":"2.0","id":7,"method":"ping","extra":{"a":1,"a":1}})",
          (R"({"jsonrpc":"2.0","id":7,"method":"tools/call",)"
           R"("params":{"name":"a","arguments":{},"arguments":{}}})"),
      }) {
    const Incoming incoming = read_one(body);
    ASSERT_FALSE(incoming.message) << body;
    EXPECT_EQ(incoming.message.error().code, RpcCode::kInvalidRequest) << body;
    EXPECT_EQ(incoming.message.error().http_status, 400) << body;
  }
}

// There a schema says what is wrong with it, in words that a model can act on.
TEST_F(MessageTest, AKeyTwiceInsideArgumentsIsLeftToTheSchema) {
  const Incoming incoming =
      read_one(request("tools/call", R"("name":"t","arguments":{"a":1,"a":2})"));
  EXPECT_TRUE(incoming.message);
}

// --- what a message asks for ---

TEST_F(MessageTest, ACallKeepsItsArgumentsByteForByte) {
  const Incoming incoming = read_one(request(
      "tools/call", R"("arguments": { "b" : 1.0, "a":"\u0061" } ,"n\u0061me":"log_store")"));
  ASSERT_TRUE(incoming.message);
  const auto& call = std::get<CallTool>(incoming.message->operation);
  EXPECT_EQ(call.name, "log_store");
  EXPECT_EQ(call.arguments_json, R"({ "b" : 1.0, "a":"\u0061" })");
  ASSERT_TRUE(call.arguments);
}

TEST_F(MessageTest, AbsentArgumentsAreAnEmptyObject) {
  const Incoming incoming = read_one(request("tools/call", R"("name":"t")"));
  const auto& call = std::get<CallTool>(incoming.message->operation);
  EXPECT_EQ(call.arguments_json, "{}");
  EXPECT_FALSE(call.arguments);
}

TEST_F(MessageTest, MetaGivesProgressTokenTraceAndLogLevel) {
  const string meta = string(kEnvelope.substr(0, kEnvelope.size() - 1)) +
                      R"(,"progressToken":"\u0061","traceparent":"00-1","logLevel":"x",)"
                      R"("io.modelcontextprotocol/logLevel":"warning"})";
  const Incoming incoming = read_one(request("tools/list", meta), {kModern, "tools/list", {}});
  ASSERT_TRUE(incoming.message);
  EXPECT_EQ(incoming.message->progress_token, R"("\u0061")");
  EXPECT_EQ(incoming.message->traceparent, "00-1");
  EXPECT_EQ(incoming.message->log_level, LogLevel::kWarning);
}

TEST_F(MessageTest, ANotificationHasNoId) {
  const Incoming incoming = read_one(
      R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}})");
  EXPECT_TRUE(incoming.is_notification());
  EXPECT_EQ(std::get<Cancel>(incoming.message->operation).request_id, R"("x")");
  EXPECT_TRUE(std::holds_alternative<Noted>(
      read_one(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").message->operation));
  // In the modern era a client cancels by hanging up.
  EXPECT_TRUE(std::holds_alternative<Noted>(
      read_one(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})",
               {kModern, {}, {}})
          .message->operation));
}

TEST_F(MessageTest, ACancellationOfNothingNamesNothing) {
  for (const string_view params : {"{}", R"({"requestId":null})", R"({"requestId":{}})"}) {
    const Incoming incoming = read_one(
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":)" + string(params) + "}");
    EXPECT_EQ(std::get<Cancel>(incoming.message->operation).request_id, "") << params;
  }
}

TEST_F(MessageTest, MethodAndIdOfWhatCannotBeServedAreForTheRecord) {
  const Incoming incoming = read_one(request("no/such"));
  EXPECT_EQ(incoming.method, "no/such");
  EXPECT_FALSE(incoming.message);
}

TEST(LogLevels, AreThoseOfRfc5424InOrder) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("emergency"), LogLevel::kEmergency);
  EXPECT_EQ(parse_log_level("Debug"), std::nullopt);
  EXPECT_EQ(parse_log_level(""), std::nullopt);
  EXPECT_LT(*parse_log_level("warning"), *parse_log_level("error"));
}

// --- Mcp-Name (SEP-2243) ---

TEST_F(MessageTest, McpNameMayBeBase64) {
  struct Case {
    string header;
    string name;
    bool agrees;
  };
  const auto wrapped = [](string_view base64) { return "=?base64?" + string(base64) + "?="; };
  for (const Case& test : std::vector<Case>{
           {"t", "t", true},
           {wrapped("dA=="), "t", true},
           {wrapped("w6TDtg=="), "äö", true},
           {wrapped("dQ=="), "t", false},
           {wrapped("dA"), "t", false},     // no padding
           {wrapped("dA="), "t", false},    // half of it
           {wrapped("dB=="), "t", false},   // left-over bits
           {wrapped("d_=="), "t", false},   // the other alphabet
           {wrapped("dA== "), "t", false},  //
           {wrapped(""), "", true},
           {"=?BASE64?dA==?=", "t", false},  // the marker is lower case
           {"=?base64?dA==", "=?base64?dA==", true},
           {"dA==?=", "dA==?=", true},
           {"=?base64?=", "=?base64?=", true},  // too short to be both markers
           {"", "", true},
       }) {
    const Incoming incoming = read_one(modern("tools/call", R"("name":")" + test.name + '"'),
                                       {kModern, "tools/call", test.header});
    EXPECT_EQ(incoming.message.has_value(), test.agrees) << test.header;
    if (!incoming.message) {
      const RpcError& error = incoming.message.error();
      EXPECT_EQ(error.code, RpcCode::kHeaderMismatch) << test.header;
      EXPECT_EQ(error.http_status, 400) << test.header;
      const bool is_other_name =
          test.header == wrapped("dQ==") || test.header.starts_with("=?BASE64?");
      EXPECT_EQ(error.message, is_other_name ? "Mcp-Name does not agree with params.name"
                                             : "Mcp-Name is not valid base64")
          << test.header;
    }
  }
}

// --- batches ---

TEST_F(MessageTest, ABatchExistsInOneRevisionOnly) {
  const string batch = "[" + request("ping") + "," + request("no/such") + ",1]";
  for (const auto version :
       {std::optional<string_view>{}, std::optional<string_view>{"2025-03-26"}}) {
    const auto body = read(batch, {version, {}, {}});
    ASSERT_TRUE(body);
    EXPECT_TRUE(body->batch);
    ASSERT_EQ(body->incoming.size(), 3U);
    EXPECT_TRUE(body->incoming[0].message);
    EXPECT_EQ(body->incoming[1].message.error().code, RpcCode::kMethodNotFound);
    EXPECT_EQ(body->incoming[2].message.error().code, RpcCode::kInvalidRequest);
    EXPECT_EQ(body->incoming[2].id, kNullId);
  }
  for (const string_view version : {"2025-06-18", "2025-11-25", "2026-07-28", "2099-01-01"}) {
    const auto body = read(batch, {version, {}, {}});
    ASSERT_FALSE(body) << version;
    EXPECT_EQ(body.error().code, RpcCode::kInvalidRequest);
    EXPECT_EQ(body.error().http_status, 400);
    EXPECT_EQ(body.error().message, "batches exist in revision 2025-03-26 only");
  }
}

TEST_F(MessageTest, ABatchWithAModernMessageIsRefusedWhole) {
  for (const string& element :
       {modern("tools/list"), modern("no/such"),
        request("ping", R"("_meta":{"io.modelcontextprotocol/protocolVersion":1})")}) {
    const auto body = read("[" + request("ping") + "," + element + "]");
    ASSERT_FALSE(body) << element;
    EXPECT_EQ(body.error().code, RpcCode::kInvalidRequest);
    EXPECT_EQ(body.error().http_status, 400);
    EXPECT_EQ(body.error().message, "batches exist in revision 2025-03-26 only");
  }
}

TEST_F(MessageTest, ABatchIsNeitherEmptyNorEndless) {
  EXPECT_EQ(read("[]").error().code, RpcCode::kInvalidRequest);
  string full;
  for (std::size_t i = 0; i < kBatchMessagesMax; ++i) {
    full += (i == 0 ? "" : ",") + request("ping");
  }
  EXPECT_TRUE(read("[" + full + "]"));
  EXPECT_EQ(read("[" + full + "," + request("ping") + "]").error().http_status, 400);
}

TEST_F(MessageTest, InitializeIsNoPartOfABatch) {
  const auto body = read("[" + request("initialize", R"("protocolVersion":"2025-03-26")") + "]");
  ASSERT_TRUE(body);
  EXPECT_EQ(body->incoming[0].message.error().code, RpcCode::kInvalidRequest);
}

TEST_F(MessageTest, AKeyTwiceSpoilsOneMessageOfABatch) {
  const auto body =
      read(R"([{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"},)" + request("ping") + "]");
  ASSERT_TRUE(body);
  EXPECT_FALSE(body->incoming[0].message);
  EXPECT_TRUE(body->incoming[1].message);
}

// --- JSON-RPC ---

TEST(Rpc, AnswersAreWrittenAroundBytesThatAreKept) {
  EXPECT_EQ(write_result(R"("a")", R"({"x": 1})"),
            R"({"jsonrpc":"2.0","id":"a","result":{"x": 1}})");
  EXPECT_EQ(write_error("1", {.code = RpcCode::kInvalidParams, .message = "say \"x\""}),
            R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"say \"x\""}})");
  EXPECT_EQ(write_error(kNullId, {.code = RpcCode::kParseError, .message = "m", .data = "[1]"}),
            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m","data":[1]}})");
  EXPECT_EQ(write_notification("notifications/progress", R"({"progress":1})"),
            R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}})");
}

}  // namespace
}  // namespace mcpgate::mcp
