#pragma once

#include <optional>

#include "cli/command.h"
#include "cli/config.h"

namespace mcpgate::cli {

/// The configuration that a command's `--config` means; nothing, with its problems printed one a
/// line, when there is none. Then return kWrongUsage.
[[nodiscard]] std::optional<Config> config_for(const Arguments& arguments, const World& world);

}  // namespace mcpgate::cli
