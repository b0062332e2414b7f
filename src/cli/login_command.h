#pragma once

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate login`: a person logs in at a gateway's issuer, with a browser.
[[nodiscard]] Command login_command();

}  // namespace mcpgate::cli
