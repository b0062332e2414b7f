#pragma once

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate check`: says what is wrong with a configuration, one problem a line, or `ok`.
[[nodiscard]] Command check_command();

}  // namespace mcpgate::cli
