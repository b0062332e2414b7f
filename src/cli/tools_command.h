#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate tools list|call`: a gateway's tools from the command line.
[[nodiscard]] std::vector<Command> tools_commands();

/// What a person reads of a CallToolResult: its text, and what else it holds by kind. `result` is
/// JSON bytes.
[[nodiscard]] std::string readable_result(std::string_view result);

}  // namespace mcpgate::cli
