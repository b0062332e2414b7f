#include "gateway/redis_reply.h"

#include <gtest/gtest.h>

namespace mcpgate::gateway {
namespace {

RedisReply whole(std::string_view bytes) {
  const auto reply = take_redis_reply(bytes);
  EXPECT_TRUE(reply && *reply) << bytes;
  EXPECT_TRUE(bytes.empty());
  return reply.value_or(std::nullopt).value_or(RedisReply{});
}

TEST(RedisReply, IsAStatusAnErrorANumberOrNull) {
  EXPECT_EQ(whole("+OK\r\n").text, "OK");
  EXPECT_EQ(whole("+OK\r\n").kind, RedisReply::Kind::kStatus);
  EXPECT_EQ(whole(":42\r\n").integer, 42);
  EXPECT_EQ(whole(":-7\r\n").integer, -7);
  EXPECT_EQ(whole("$-1\r\n").kind, RedisReply::Kind::kNull);
  const RedisReply error = whole("-WRONGPASS invalid username-password pair\r\n");
  EXPECT_EQ(error.kind, RedisReply::Kind::kError);
  EXPECT_EQ(error.text, "WRONGPASS") << "the rest is the peer's to choose";
  EXPECT_EQ(whole("-\x1b[31mred\r\n").text, "an error");
  EXPECT_EQ(whole("-" + std::string(100, 'A') + "\r\n").text, "an error");
}

TEST(RedisReply, IsTakenFromWhatComesInPieces) {
  const std::string all = "+OK\r\n:12\r\n";
  for (std::size_t size = 0; size < 5; ++size) {
    std::string_view piece = std::string_view(all).substr(0, size);
    const auto reply = take_redis_reply(piece);
    ASSERT_TRUE(reply);
    EXPECT_FALSE(*reply) << size;
    EXPECT_EQ(piece.size(), size) << "nothing is taken of half a reply";
  }
  std::string_view bytes = all;
  EXPECT_EQ((*take_redis_reply(bytes))->text, "OK");
  EXPECT_EQ((*take_redis_reply(bytes))->integer, 12);
  EXPECT_TRUE(bytes.empty());
}

TEST(RedisReply, RefusesWhatOurCommandsAreNotAnsweredWith) {
  for (std::string_view bytes :
       {"$5\r\nhello\r\n", "$1000000000\r\n", "*2\r\n", "%1\r\n", "HTTP/1.1 400 Bad Request\r\n",
        "\r\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", ": 1\r\n", "$\r\n", "x"}) {
    const auto reply = take_redis_reply(bytes);
    ASSERT_FALSE(reply) << bytes;
    EXPECT_EQ(reply.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(RedisReply, HasABound) {
  const std::string most = "+" + std::string(kRedisReplyBytesMax - 1, 'x');
  EXPECT_EQ(whole(most + "\r\n").text.size(), kRedisReplyBytesMax - 1);
  const std::string half = most + "\r";
  std::string_view rest = half;
  const auto yet = take_redis_reply(rest);
  EXPECT_TRUE(yet && !*yet) << "its end may come yet";
  for (const std::string& more : {most + "xx", most + "xx\r\n"}) {
    std::string_view bytes = more;
    const auto reply = take_redis_reply(bytes);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::kResourceExhausted);
  }
}

TEST(RedisReply, CommandsAreArraysOfStringsOfAnyBytes) {
  std::string out;
  add_redis_command(out, {"AUTH", "a\r\nb"});
  add_redis_command(out, {"GET", ""});
  EXPECT_EQ(out, "*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace mcpgate::gateway
