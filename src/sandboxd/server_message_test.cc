#include "sandboxd/server_message.h"

#include <gtest/gtest.h>

namespace mcpgate::sandboxd {
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
  EXPECT_EQ(write_server_request(3, "tools/call", call_params("t", R"({"a":1})", 3, true)),
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"t\","
            "\"arguments\":{\"a\":1},\"_meta\":{\"progressToken\":3}}}\n");
  EXPECT_EQ(call_params("t", "{}", 3, false), R"({"name":"t","arguments":{}})");
}

TEST_F(ServerMessageTest, ProgressIsOfOneRequest) {
  EXPECT_EQ(progress_of(R"({"progressToken":4,"progress":1})", 3, parser_), "");
  EXPECT_EQ(progress_of(R"({"progressToken":"3","progress":1})", 3, parser_), "");
  EXPECT_EQ(progress_of(R"({"progressToken":3,"progress":0.5,"x":1})", 3, parser_),
            R"({"progress":0.5})");
  EXPECT_EQ(log_of(R"({"level":"info","logger":"l","data":[1]})", parser_),
            R"({"level":"info","message":[1]})");
}

TEST_F(ServerMessageTest, APageIsRead) {
  const auto page = read_tools_page(R"({"tools":[{"a":1}, {}],"nextCursor":"c"})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->tools, (std::vector<std::string>{R"({"a":1})", "{}"}));
  EXPECT_EQ(page->next_cursor, "c");
  EXPECT_FALSE(read_tools_page(R"({"tools":{}})"));
  EXPECT_FALSE(read_tools_page("[]"));
}

}  // namespace
}  // namespace mcpgate::sandboxd
