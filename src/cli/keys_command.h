#pragma once

#include <vector>

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate keys create|list|revoke|rotate`, on the store that the configuration names. A running
/// gateway watches that store, so nothing needs to be told to it.
[[nodiscard]] std::vector<Command> keys_commands();

}  // namespace mcpgate::cli
