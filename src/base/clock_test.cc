#include "base/clock.h"

#include <gtest/gtest.h>

namespace mcpgate {
namespace {

using namespace std::chrono_literals;

TEST(Clock, Rfc3339IsReadAndWrittenBack) {
  for (const char* text : {"1970-01-01T00:00:00.000Z", "2026-11-22T08:54:11.123Z",
                           "2024-02-29T23:59:59.999Z", "2200-12-31T23:59:59.000Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_rfc3339(*time), text);
  }
}

TEST(Clock, OffsetsFractionsAndBareDatesAreRead) {
  const WallTime noon = *parse_rfc3339("2026-11-22T12:00:00Z");
  EXPECT_EQ(parse_rfc3339("2026-11-22T13:30:00+01:30"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-22t07:00:00-05:00"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-22 12:00:00.5z"), noon + 500ms);
  EXPECT_EQ(parse_rfc3339("2026-11-22T12:00:00.123456789Z"), noon + 123456us);
  EXPECT_EQ(parse_rfc3339("2026-11-22"), noon - 12h);
}

TEST(Clock, WhatIsNoTimeIsRefused) {
  for (const char* text : {"",
                           "2026",
                           "2026-11",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-00-10",
                           "1969-12-31",
                           "2026-11-22T",
                           "2026-11-22T12:00",
                           "2026-11-22T12:00:00",
                           "2026-11-22T24:00:00Z",
                           "2026-11-22T12:60:00Z",
                           "2026-11-22T12:00:61Z",
                           "2026-11-22T12:00:00.Z",
                           "2026-11-22T12:00:00+1:00",
                           "2026-11-22T12:00:00Zx",
                           "+026-11-22",
                           "-026-11-22",
                           "2026-1-22",
                           "now",
                           "1800000000"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mcpgate
