#pragma once

// What a call may use, as toolset.yaml's `limits:` says it: for the whole set, and for single tools
// where `tools:` says otherwise; and what is kept: of calls that nobody waits for, and for
// users in their workspaces. Reference: docs/reference/limits.md.

#include <chrono>
#include <cstddef>
#include <vector>

#include "base/limit_table.h"

namespace mcpgate::sandbox {

/// Limits of one call of one tool; the last two are of many calls together. Nothing is unlimited.
/// tool_limits.cc has the table of their keys, units and reasons.
struct ToolLimits {
  std::size_t memory_bytes = std::size_t{256} << 20;
  std::size_t address_space_bytes = std::size_t{4} << 30;
  /// The kernel counts whole seconds: a part of one is rounded up.
  std::chrono::milliseconds cpu{10'000};
  /// From start to end. A call's own deadline may be nearer, never farther.
  std::chrono::milliseconds wall{30'000};
  std::size_t output_bytes = std::size_t{4} << 20;
  std::size_t tmp_bytes = std::size_t{64} << 20;
  std::size_t files = 4096;
  std::size_t open_files = 64;
  std::size_t threads = 256;
  /// 0: the number of cores for a set; for a tool no bound beside its set's.
  std::size_t in_flight = 0;
  /// For a tool as well: how many of those that wait in its set's queue may be its.
  std::size_t queue = 64;

  friend bool operator==(const ToolLimits&, const ToolLimits&) = default;
};

/// What a set keeps of its detached calls, as toolset.yaml's `detached:` says it.
struct DetachedLimits {
  /// Calls, running and ended; what they said and their results together.
  std::size_t calls = 256;
  /// Of them, those of one user.
  std::size_t calls_per_user = 64;
  std::size_t bytes = std::size_t{256} << 20;
  /// The longest that one is kept, from its acceptance on.
  std::chrono::milliseconds ttl{std::chrono::hours{24}};

  friend bool operator==(const DetachedLimits&, const DetachedLimits&) = default;
};

/// Limits of the workspaces of one tool set, as toolset.yaml's `workspace:` says them.
struct WorkspaceLimits {
  /// Of one user's: allocated bytes, files and folders.
  std::size_t bytes = std::size_t{64} << 20;
  std::size_t files = 1000;
  /// From the end of its last use to its removal.
  std::chrono::milliseconds expires = std::chrono::hours{24 * 30};
  /// How many there may be.
  std::size_t users = 1000;

  friend bool operator==(const WorkspaceLimits&, const WorkspaceLimits&) = default;
};

/// When the interpreter that a set's calls are forked from is replaced, as toolset.yaml's
/// `recycle:` says it.
struct RecycleLimits {
  /// Children that it forked.
  std::size_t calls = 50'000;
  std::chrono::milliseconds age{std::chrono::hours{1}};

  friend bool operator==(const RecycleLimits&, const RecycleLimits&) = default;
};

/// Reads a set's `limits:`; problems go to the document.
[[nodiscard]] ToolLimits read_set_limits(YamlMap map, const ToolLimits& defaults = {});
/// Reads a tool's own `limits:`: what it does not say is as in its set.
[[nodiscard]] ToolLimits read_tool_limits(YamlMap map, const ToolLimits& set);

/// Defaults of a set with a stdio server: Node reserves far more than it uses, and loads hundreds
/// of files at once.
[[nodiscard]] ToolLimits server_defaults();

/// Reads a set's `detached:` and `workspace:`.
[[nodiscard]] DetachedLimits read_detached_limits(YamlMap map);
[[nodiscard]] WorkspaceLimits read_workspace_limits(YamlMap map);

/// Reads a set's `recycle:`.
[[nodiscard]] RecycleLimits read_recycle_limits(YamlMap map);

/// The tables of limits, for the reference.
[[nodiscard]] std::vector<LimitInfo> tool_limits();
[[nodiscard]] std::vector<LimitInfo> detached_limits();
[[nodiscard]] std::vector<LimitInfo> recycle_limits();
[[nodiscard]] std::vector<LimitInfo> workspace_limits();

}  // namespace mcpgate::sandbox
