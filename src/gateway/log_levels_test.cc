#include "gateway/log_levels.h"

#include <gtest/gtest.h>

namespace mcpgate::gateway {
namespace {

TEST(LogLevels, ASessionHasTheLevelThatItAskedForLast) {
  LogLevels levels;
  EXPECT_EQ(levels.of("a"), std::nullopt);
  levels.set("a", mcp::LogLevel::kDebug);
  levels.set("a", mcp::LogLevel::kError);
  EXPECT_EQ(levels.of("a"), mcp::LogLevel::kError);
  EXPECT_EQ(levels.of("b"), std::nullopt);
}

TEST(LogLevels, TheOldestIsForgottenWhereThereAreTooMany) {
  LogLevels levels(2);
  for (const char* session : {"a", "b", "a", "c"}) {
    levels.set(session, mcp::LogLevel::kInfo);
  }
  EXPECT_EQ(levels.of("a"), std::nullopt);
  EXPECT_EQ(levels.of("b"), mcp::LogLevel::kInfo);
  EXPECT_EQ(levels.of("c"), mcp::LogLevel::kInfo);
}

}  // namespace
}  // namespace mcpgate::gateway
