#pragma once

#include <vector>

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate policy diff`.
[[nodiscard]] std::vector<Command> policy_commands();

}  // namespace mcpgate::cli
