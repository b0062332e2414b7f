#pragma once

// The connections of a tool set, as toolset.yaml's `connections:` says them: names and caps, never
// a secret. What they lead to is the operator's to say, at the daemon.
// Reference: docs/reference/toolset.md, docs/reference/limits.md.

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/limit_table.h"

namespace mcpgate::sandbox {

/// What one query may cost. connection.cc has the table of their keys, units and reasons.
struct ConnectionLimits {
  std::size_t rows = 1000;
  /// Of the rows as JSON.
  std::size_t bytes = std::size_t{1} << 20;
  std::chrono::milliseconds time{5'000};
  /// In the planner's own unit.
  std::size_t cost = 1'000'000;
  std::size_t processes = 2;

  friend bool operator==(const ConnectionLimits&, const ConnectionLimits&) = default;
};

/// By name.
using Connections = std::map<std::string, ConnectionLimits, std::less<>>;

/// Reads a set's `connections:`; problems go to the document.
[[nodiscard]] Connections read_connections(YamlMap map);

/// The table of limits, for the reference.
[[nodiscard]] std::vector<LimitInfo> connection_limits();

}  // namespace mcpgate::sandbox
