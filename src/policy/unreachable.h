#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"

namespace mcpgate::policy {

/// Grants and rules that never decide anything, since others have decided before them, each as
/// `mcpgate.yaml:7:3: roles.mcp-viewer[1]: why`. Probably a slip, or a leftover.
[[nodiscard]] std::vector<std::string> find_unreachable(const Policy::Options& options);

}  // namespace mcpgate::policy
