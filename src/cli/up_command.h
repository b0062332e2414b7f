#pragma once

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate up`: the gateway and one sandbox daemon for each tool set, for one machine.
[[nodiscard]] Command up_command();

}  // namespace mcpgate::cli
