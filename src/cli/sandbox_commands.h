#pragma once

#include <vector>

#include "cli/command.h"

namespace mcpgate::cli {

/// `serve`, `describe` and `run` of mcpgate-sandbox.
[[nodiscard]] std::vector<Command> sandbox_commands();

}  // namespace mcpgate::cli
