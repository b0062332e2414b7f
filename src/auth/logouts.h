#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/token_map.h"
#include "base/clock.h"
#include "base/digest.h"

namespace mcpgate::auth {

/// What was logged out: a session, or all that a subject did before. A digest, so that who it was
/// stays here when other replicas are told.
struct Logout {
  Sha256Digest whose;
  WallTime at;

  friend bool operator==(const Logout&, const Logout&) = default;
};

/// Logout::whose of one session (`sid`), and of all sessions of a subject.
[[nodiscard]] Sha256Digest session_digest(std::string_view issuer, std::string_view session);
[[nodiscard]] Sha256Digest subject_digest(std::string_view issuer, std::string_view subject);

/// What an access token says of where it is from.
struct TokenOrigin {
  /// Nothing where the token names no session.
  std::optional<Sha256Digest> session;
  Sha256Digest subject{};
  /// Nothing where the token does not say: then it is from before any logout.
  std::optional<WallTime> issued;
};

/// The logouts of which an access token could still be around (OpenID Connect Back-Channel Logout
/// 1.0). Shared by all loops; any thread.
class Logouts {
 public:
  struct Limits {
    /// How long each is remembered: the longest lifetime of an access token, or longer.
    std::chrono::milliseconds kept{86'400'000};
    /// Above it the oldest is forgotten.
    std::size_t entries_max = 100'000;
  };

  Logouts() = default;
  Logouts(const Logouts&) = delete;
  Logouts& operator=(const Logouts&) = delete;
  ~Logouts() = default;

  /// Whether it is news: a later one of the same is.
  bool add(const Logout& logout, const Limits& limits, WallTime now);
  /// Whether the token's session has ended. Costs next to nothing while nobody has logged out.
  [[nodiscard]] bool covers(const TokenOrigin& origin) const;

  struct Page {
    /// What to ask for next.
    std::uint64_t next = 0;
    std::vector<Logout> logouts;
  };
  /// Those that became known after `number`, oldest first, at most `logouts_max`.
  [[nodiscard]] Page since(std::uint64_t number, std::size_t logouts_max) const;
  /// Called once, by whichever thread has the news, which must not wait there.
  using Wake = std::function<void()>;
  /// Calls `wake` at the next news, if it is still there; at once where there are some after
  /// `number`.
  void wake_at_news(std::uint64_t number, const std::shared_ptr<const Wake>& wake);

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Known {
    std::uint64_t number;
    Logout logout;
    WallTime learned;
  };

  void forget(const Limits& limits, WallTime now);
  void wake_all();

  std::atomic<std::size_t> size_ = 0;
  mutable std::shared_mutex mutex_;
  /// When each was logged out last.
  std::unordered_map<Sha256Digest, WallTime, DigestHash> at_;
  /// By number, which only grows; a later logout of the same follows the earlier one.
  std::deque<Known> known_;
  std::uint64_t last_ = 0;
  std::vector<std::weak_ptr<const Wake>> waiting_;
};

}  // namespace mcpgate::auth
