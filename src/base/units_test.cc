#include "base/units.h"

#include <gtest/gtest.h>

namespace mcpgate {
namespace {

using std::chrono::milliseconds;

TEST(Units, DurationsAreReadAndWrittenBack) {
  for (const auto& [text, ms] :
       std::initializer_list<std::pair<const char*, std::int64_t>>{{"500ms", 500},
                                                                   {"30s", 30'000},
                                                                   {"90m", 5'400'000},
                                                                   {"25h", 90'000'000},
                                                                   {"90d", 7'776'000'000},
                                                                   {"36500d", 3'153'600'000'000}}) {
    EXPECT_EQ(parse_duration(text), milliseconds(ms)) << text;
    EXPECT_EQ(format_duration(milliseconds(ms)), text);
  }
  EXPECT_EQ(parse_duration("never"), kNever);
  EXPECT_EQ(format_duration(kNever), "never");
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
  EXPECT_EQ(format_duration(milliseconds(0)), "0s");
}

TEST(Units, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "30", "s", "-1s", "+1s", "1.5s", " 1s", "1 s", "1s ", "1S", "1w",
                           "36501d", "Never", "99999999999999999999s", "0x1s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Units, SizesAreReadAndWrittenBack) {
  for (const auto& [text, bytes] :
       std::initializer_list<std::pair<const char*, std::uint64_t>>{{"0", 0},
                                                                    {"1", 1},
                                                                    {"1536", 1536},
                                                                    {"4Ki", 4096},
                                                                    {"256Mi", 268'435'456},
                                                                    {"1Ti", 1ULL << 40}}) {
    EXPECT_EQ(parse_size(text), bytes) << text;
    EXPECT_EQ(format_size(bytes), text);
  }
}

TEST(Units, WhatIsNoSizeIsRefused) {
  for (const char* text :
       {"", "Mi", "-1", "1.5Mi", "4M", "4MB", "4mi", "4 Mi", "8388608Ti", "18446744073709551616"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mcpgate
