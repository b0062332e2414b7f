#pragma once

#include <string>
#include <string_view>

namespace mcpgate::cli {

/// Text of somebody else with its control characters shown instead of obeyed, as `\\u{1b}`: C0 but
/// line feed and tab, DEL, C1, and those that change the order of writing. Such text could
/// otherwise rewrite a terminal's screen, title and clipboard.
[[nodiscard]] std::string for_terminal(std::string_view text);

/// The same where descriptor `fd` is a terminal; unchanged for files and pipes.
[[nodiscard]] std::string for_descriptor(int fd, const std::string& text);

}  // namespace mcpgate::cli
