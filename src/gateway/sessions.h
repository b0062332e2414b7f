#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mcp/message.h"

namespace mcpgate::gateway {

/// What this process was told in legacy sessions and must remember: the log level, the resources
/// that the client follows, and that a session has ended. A session id itself needs no memory (see
/// session.h). Shared by all loops; another replica, or this one after a restart, knows none of it.
class Sessions {
 public:
  /// What is remembered at most: a client may open as many sessions as it likes. Above it the one
  /// that said something first is forgotten.
  struct Limits {
    std::size_t sessions_max = 10'000;
    /// All URIs that are followed, together.
    std::size_t uri_bytes_max = std::size_t{64} << 20;
  };

  explicit Sessions(Limits limits) : limits_(limits) {}
  Sessions() : Sessions(Limits()) {}
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions() = default;

  /// The messages asked for by `logging/setLevel`.
  void set_log_level(std::string_view session, mcp::LogLevel level);
  /// Nothing where it was not set. This and has_ended() cost nothing as long as nobody said
  /// anything.
  [[nodiscard]] std::optional<mcp::LogLevel> log_level_of(std::string_view session) const;

  /// False where the session follows `most` resources already.
  [[nodiscard]] bool subscribe(std::string_view session, std::string_view uri, std::size_t most);
  void unsubscribe(std::string_view session, std::string_view uri);
  [[nodiscard]] std::vector<std::string> subscriptions_of(std::string_view session) const;

  /// Its id is refused from now on, and what was said in it is forgotten.
  void end(std::string_view session);
  [[nodiscard]] bool has_ended(std::string_view session) const;

 private:
  struct Session {
    std::optional<mcp::LogLevel> log_level;
    std::vector<std::string> uris;
    bool ended = false;
  };

  /// Both with the lock held.
  Session& remembered(std::string_view session);
  void drop_uris(Session& session);
  void forget_oldest();

  const Limits limits_;
  std::atomic<bool> any_ = false;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Session> sessions_;
  /// Their ids, the first to be forgotten in front.
  std::deque<std::string> order_;
  std::size_t uri_bytes_ = 0;
};

}  // namespace mcpgate::gateway
