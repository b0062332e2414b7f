#pragma once

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate explain`: may this principal use that tool, and by which rule?
[[nodiscard]] Command explain_command();

}  // namespace mcpgate::cli
