#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace mcpgate::cli {
namespace {

TEST(ForTerminal, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(for_terminal("a\x1b]0;x\a\r\b\x7f"), R"(a\u{1b}]0;x\u{7}\u{d}\u{8}\u{7f})");
  EXPECT_EQ(for_terminal("\u009b2J \u202Eabc\u2066"), R"(\u{9b}2J \u{202e}abc\u{2066})");
  EXPECT_EQ(for_terminal("\xff\x9b"), R"(\u{ff}\u{9b})");
}

TEST(ForTerminal, LeavesTextAlone) {
  const std::string text = "line\n\ttab ä € 😀 \\n";
  EXPECT_EQ(for_terminal(text), text);
}

}  // namespace
}  // namespace mcpgate::cli
