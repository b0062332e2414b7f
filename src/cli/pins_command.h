#pragma once

#include <vector>

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate tools pin|diff`: what of the tool sets is approved.
[[nodiscard]] std::vector<Command> pins_commands();

}  // namespace mcpgate::cli
