#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mcp/message.h"

namespace mcpgate::gateway {

/// Which log messages the clients of legacy sessions asked for by `logging/setLevel`. Shared by all
/// loops of this process; another replica, or this one after a restart, sends nothing until the
/// client says it again, which MCP leaves to the server.
class LogLevels {
 public:
  /// Sessions remembered at most: a client may open as many as it likes. Above it the one that said
  /// it first is forgotten.
  explicit LogLevels(std::size_t sessions_max = 10'000) : sessions_max_(sessions_max) {}
  LogLevels(const LogLevels&) = delete;
  LogLevels& operator=(const LogLevels&) = delete;
  ~LogLevels() = default;

  void set(std::string_view session, mcp::LogLevel level);
  /// Nothing where it was not set. Costs nothing as long as nobody has.
  [[nodiscard]] std::optional<mcp::LogLevel> of(std::string_view session) const;

 private:
  const std::size_t sessions_max_;
  std::atomic<bool> any_ = false;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, mcp::LogLevel> levels_;
  /// Their sessions, the first to be forgotten in front.
  std::deque<std::string> order_;
};

}  // namespace mcpgate::gateway
