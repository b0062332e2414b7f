#include "gateway/sessions.h"

#include <gtest/gtest.h>

namespace mcpgate::gateway {
namespace {

using Uris = std::vector<std::string>;

TEST(Sessions, ASessionHasTheLevelThatItAskedForLast) {
  Sessions sessions;
  EXPECT_EQ(sessions.log_level_of("a"), std::nullopt);
  sessions.set_log_level("a", mcp::LogLevel::kDebug);
  sessions.set_log_level("a", mcp::LogLevel::kError);
  EXPECT_EQ(sessions.log_level_of("a"), mcp::LogLevel::kError);
  EXPECT_EQ(sessions.log_level_of("b"), std::nullopt);
}

TEST(Sessions, TheOldestIsForgottenWhereThereAreTooMany) {
  Sessions sessions({.sessions_max = 2});
  for (const char* session : {"a", "b", "a", "c"}) {
    sessions.set_log_level(session, mcp::LogLevel::kInfo);
  }
  EXPECT_EQ(sessions.log_level_of("a"), std::nullopt);
  EXPECT_EQ(sessions.log_level_of("b"), mcp::LogLevel::kInfo);
  EXPECT_EQ(sessions.log_level_of("c"), mcp::LogLevel::kInfo);
}

TEST(Sessions, FollowAFewResourcesEach) {
  Sessions sessions;
  EXPECT_EQ(sessions.subscriptions_of("a"), Uris{});
  EXPECT_TRUE(sessions.subscribe("a", "x:1", 2));
  EXPECT_TRUE(sessions.subscribe("a", "x:2", 2));
  EXPECT_TRUE(sessions.subscribe("a", "x:1", 2)) << "it follows that one already";
  EXPECT_FALSE(sessions.subscribe("a", "x:3", 2));
  EXPECT_TRUE(sessions.subscribe("b", "x:3", 2));
  sessions.unsubscribe("a", "x:1");
  sessions.unsubscribe("a", "x:9");
  sessions.unsubscribe("c", "x:1");
  EXPECT_EQ(sessions.subscriptions_of("a"), Uris{"x:2"});
}

TEST(Sessions, TheOldestIsForgottenWhereUrisTakeTooMuch) {
  Sessions sessions({.uri_bytes_max = 10});
  EXPECT_TRUE(sessions.subscribe("a", "12345", 9));
  EXPECT_TRUE(sessions.subscribe("b", "12345", 9));
  sessions.unsubscribe("b", "12345");
  EXPECT_TRUE(sessions.subscribe("b", "12345", 9));
  EXPECT_EQ(sessions.subscriptions_of("a"), Uris{"12345"});
  EXPECT_TRUE(sessions.subscribe("c", "1", 9));
  EXPECT_EQ(sessions.subscriptions_of("a"), Uris{});
  EXPECT_EQ(sessions.subscriptions_of("b"), Uris{"12345"});
  // One alone is bounded by its number of URIs.
  EXPECT_TRUE(sessions.subscribe("d", std::string(20, 'x'), 9));
  EXPECT_EQ(sessions.subscriptions_of("d").size(), 1U);
}

TEST(Sessions, OneThatHasEndedIsOnlyThat) {
  Sessions sessions;
  EXPECT_FALSE(sessions.has_ended("a"));
  sessions.set_log_level("a", mcp::LogLevel::kInfo);
  EXPECT_TRUE(sessions.subscribe("a", "x:1", 9));
  EXPECT_FALSE(sessions.has_ended("a"));
  sessions.end("a");
  EXPECT_TRUE(sessions.has_ended("a"));
  EXPECT_FALSE(sessions.has_ended("b"));
  EXPECT_EQ(sessions.log_level_of("a"), std::nullopt);
  EXPECT_EQ(sessions.subscriptions_of("a"), Uris{});
}

}  // namespace
}  // namespace mcpgate::gateway
