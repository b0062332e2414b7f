#pragma once

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate stdio`: a gateway for clients that only start commands.
[[nodiscard]] Command stdio_command();

}  // namespace mcpgate::cli
