#pragma once

// What the stdio server of a tool set may do beside its calls, as toolset.yaml's `server:` says it.
// Reference: docs/reference/limits.md.

#include <chrono>
#include <cstddef>
#include <vector>

#include "base/limit_table.h"

namespace mcpgate::sandbox {

/// Limits of the processes of one server, and of each. server_limits.cc has the table of their
/// keys, units and reasons.
struct ServerLimits {
  std::size_t processes = 16;
  std::chrono::milliseconds idle{300'000};
  std::chrono::milliseconds start{30'000};
  std::chrono::milliseconds cancel_grace{50};

  friend bool operator==(const ServerLimits&, const ServerLimits&) = default;
};

/// Reads a set's `server:`; problems go to the document.
[[nodiscard]] ServerLimits read_server_limits(YamlMap map);

/// The table of limits, for the reference.
[[nodiscard]] std::vector<LimitInfo> server_limits();

}  // namespace mcpgate::sandbox
