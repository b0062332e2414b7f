#pragma once

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate serve`: the gateway alone.
[[nodiscard]] Command serve_command();

}  // namespace mcpgate::cli
