#include "mcp/server_message.h"

#include <gtest/gtest.h>

namespace mcpgate::mcp {
namespace {

class ServerMessageTest : public testing::Test {
 protected:
  json::Parser parser_{1 << 20};
};

TEST_F(ServerMessageTest, EachKindIsRead) {
  auto read = read_server_message(R"({"jsonrpc":"2.0","id":7,"result":{"a": 1}})", parser_);
  ASSERT_TRUE(read) << read.error().message;
  const auto* response = std::get_if<ServerResponse>(&*read);
  ASSERT_NE(response, nullptr);
  EXPECT_EQ(response->id, 7U);
  EXPECT_EQ(response->result, R"({"a": 1})");
  read =
      read_server_message(R"({"jsonrpc":"2.0","id":8,"error":{"code":-5,"message":"m"}})", parser_);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<ServerResponse>(*read).error, "m (JSON-RPC error -5)");
  read = read_server_message(R"({"jsonrpc":"2.0","method":"n","params":{"x":[]}})", parser_);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<ServerNotification>(*read).params, R"({"x":[]})");
  read = read_server_message(R"({"jsonrpc":"2.0","id":"q","method":"ping"})", parser_);
  ASSERT_TRUE(read);
  EXPECT_EQ(answer_server_request(std::get<ServerRequest>(*read)),
            "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"result\":{}}\n");
}

TEST_F(ServerMessageTest, WhatIsNoneIsRefused) {
  for (const std::string& line : std::initializer_list<std::string>{
           "",
           "null",
           "[]",
           "7",
           "hello",
           "{",
           R"({"jsonrpc":"1.0","id":1,"result":{}})",
           R"({"jsonrpc":"2.0"})",
           R"({"jsonrpc":"2.0","id":1})",
           R"({"jsonrpc":"2.0","id":-1,"result":{}})",
           R"({"jsonrpc":"2.0","id":1.5,"result":{}})",
           R"({"jsonrpc":"2.0","id":"1","result":{}})",
           R"({"jsonrpc":"2.0","id":null,"result":{}})",
           R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})",
           R"({"jsonrpc":"2.0","id":1,"error":"text"})",
           R"({"jsonrpc":"2.0","method":7})",
           R"({"jsonrpc":"2.0","method":"m","params":[]})",
           R"({"jsonrpc":"2.0","id":1,"id":2,"result":{}})",
           R"({"jsonrpc":"2.0","id":")" + std::string(300, 'x') + R"(","method":"ping"})",
           std::string(100, '[')}) {
    EXPECT_FALSE(read_server_message(line, parser_)) << line;
  }
}

TEST_F(ServerMessageTest, AnErrorIsCutAndWrittenAsAResult) {
  const std::string line = R"({"jsonrpc":"2.0","id":1,"error":{"code":1,"message":")" +
                           std::string(1999, 'x') + "éé" + R"("}})";
  const auto read = read_server_message(line, parser_);
  ASSERT_TRUE(read);
  const std::string& error = std::get<ServerResponse>(*read).error;
  EXPECT_EQ(error, std::string(1999, 'x') + " (JSON-RPC error 1)");
  EXPECT_TRUE(parser_.parse(error_result("a\n\"b\"")));
}

TEST_F(ServerMessageTest, RequestsAreLines) {
  EXPECT_EQ(write_server_request(3, "tools/call",
                                 request_params(Era::kLegacy, call_members("t", R"({"a":1})"),
                                                {.progress_token = 3})),
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"t\","
            "\"arguments\":{\"a\":1},\"_meta\":{\"progressToken\":3}}}\n");
  EXPECT_EQ(request_params(Era::kLegacy, call_members("t", "{}")),
            R"({"name":"t","arguments":{}})");
  EXPECT_EQ(request_params(Era::kLegacy, ""), "{}");
}

TEST_F(ServerMessageTest, AModernRequestCarriesItsEnvelope) {
  const std::string params = request_params(Era::kModern, R"("uri":"a:b")",
                                            {.log_level = "debug", .traceparent = "00-1-2-01"});
  const auto element = parser_.parse(params);
  ASSERT_TRUE(element) << params;
  const auto object = json::as_object(*element);
  EXPECT_EQ(json::string_at(*object, "uri"), "a:b");
  const auto meta = json::object_at(*object, "_meta");
  ASSERT_TRUE(meta);
  EXPECT_EQ(json::string_at(*meta, "io.modelcontextprotocol/protocolVersion"), "2026-07-28");
  EXPECT_EQ(json::object_at(*meta, "io.modelcontextprotocol/clientCapabilities")->size(), 0U);
  EXPECT_EQ(json::string_at(*meta, "io.modelcontextprotocol/logLevel"), "debug");
  EXPECT_EQ(json::string_at(*meta, "traceparent"), "00-1-2-01");
  EXPECT_FALSE(json::find(*meta, "progressToken"));
  EXPECT_TRUE(parser_.parse(request_params(Era::kModern, "")));
}

TEST_F(ServerMessageTest, WhatAServerOffersIsRead) {
  const auto legacy = read_initialize_result(
      R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}}})");
  ASSERT_TRUE(legacy);
  EXPECT_EQ(legacy->version, "2025-06-18");
  EXPECT_TRUE(legacy->has_tools && legacy->tells_changes);
  EXPECT_FALSE(legacy->has_resources || legacy->has_prompts || legacy->has_completions);
  EXPECT_FALSE(read_initialize_result(R"({"protocolVersion":"2026-07-28","capabilities":{}})"));
  EXPECT_FALSE(read_initialize_result(R"({"protocolVersion":"2025-06-18"})"));
  EXPECT_FALSE(read_initialize_result("[]"));
  const auto modern = read_discover_result(
      R"({"supportedVersions":["x","2026-07-28"],"capabilities":{"resources":{},"prompts":{}}})");
  ASSERT_TRUE(modern);
  EXPECT_EQ(modern->era, Era::kModern);
  EXPECT_TRUE(modern->has_resources && modern->has_prompts);
  EXPECT_FALSE(modern->has_tools || modern->tells_changes);
  EXPECT_FALSE(read_discover_result(R"({"supportedVersions":["2025-11-25"],"capabilities":{}})"));
  EXPECT_FALSE(read_discover_result("{}"));
}

TEST_F(ServerMessageTest, ProgressIsOfOneRequest) {
  EXPECT_EQ(progress_of(R"({"progressToken":4,"progress":1})", 3, parser_), "");
  EXPECT_EQ(progress_of(R"({"progressToken":"3","progress":1})", 3, parser_), "");
  EXPECT_EQ(progress_of(R"({"progressToken":3,"progress":0.5,"x":1})", 3, parser_),
            R"({"progress":0.5})");
}

TEST_F(ServerMessageTest, AListIsReadPageByPage) {
  ListReader reader("tools", 3);
  EXPECT_EQ(reader.next_members(), "");
  ASSERT_TRUE(reader.take(R"({"tools":[{"a":1}, {}],"nextCursor":"c\"1"})"));
  EXPECT_FALSE(reader.is_done());
  EXPECT_EQ(reader.next_members(), R"("cursor":"c\"1")");
  ASSERT_TRUE(reader.take(R"({"tools":[]})"));
  EXPECT_TRUE(reader.is_done());
  EXPECT_EQ(reader.items, (std::vector<std::string>{R"({"a":1})", "{}"}));
}

TEST_F(ServerMessageTest, AListThatNeverEndsIsRefused) {
  EXPECT_FALSE(ListReader("tools", 3).take(R"({"tools":{}})"));
  EXPECT_FALSE(ListReader("tools", 3).take("[]"));
  EXPECT_FALSE(ListReader("tools", 3).take(R"({"tools":[1,2,3,4]})"));
  ListReader again("tools", 3);
  ASSERT_TRUE(again.take(R"({"tools":[],"nextCursor":"a"})"));
  EXPECT_FALSE(again.take(R"({"tools":[],"nextCursor":"a"})"));
  ListReader endless("tools", 3);
  Expected<void> taken;
  for (int page = 0; taken && page < 10; ++page) {
    taken = endless.take(R"({"tools":[],"nextCursor":"p)" + std::to_string(page) + "\"}");
  }
  EXPECT_FALSE(taken);
}

}  // namespace
}  // namespace mcpgate::mcp
