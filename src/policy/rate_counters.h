#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "policy/rates.h"

namespace mcpgate::policy {

/// What one rate has counted, by key: what the rate counts apart. Any thread.
///
/// A window's counts are dropped whole when a call comes in another one, so memory holds one
/// window: at most `keys_max` keys of take(), and those of calls that were charged after their
/// window.
class RateCounters {
 public:
  /// Zero: there are no windows, and nothing but calls in flight is bounded.
  explicit RateCounters(std::chrono::milliseconds window) : window_(window) {}

  /// Counts one more call, and where in_flight is bounded as one of those. Otherwise how long until
  /// there is room, more than zero.
  [[nodiscard]] std::optional<std::chrono::milliseconds> take(const std::string& key,
                                                              const RateLimits& limits,
                                                              std::size_t keys_max, WallTime now);
  /// A call that take() counted in flight has ended.
  void end(const std::string& key);
  /// A call that take() counted at `then` is not made.
  void untake(const std::string& key, WallTime then);
  void charge(const std::string& key, const RateCost& cost, WallTime now);

  void count_refusal() { refusals_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  struct Spent {
    std::uint64_t calls = 0;
    std::chrono::milliseconds cpu{0};
    std::uint64_t bytes = 0;
  };
  using SpentByKey = std::unordered_map<std::string, Spent>;

  [[nodiscard]] std::int64_t number_of(WallTime now) const;
  /// What is counted is of the window of `now` from here on. Gives what was counted in another one,
  /// whose end may take long: not under the lock.
  [[nodiscard]] SpentByKey enter_window(WallTime now);
  [[nodiscard]] bool has_room(const std::string& key, const RateLimits& limits,
                              std::size_t keys_max) const;

  const std::chrono::milliseconds window_;
  std::atomic<std::uint64_t> refusals_ = 0;
  std::mutex mutex_;
  std::int64_t number_ = 0;
  SpentByKey spent_;
  /// Without zeros.
  std::unordered_map<std::string, std::uint64_t> in_flight_;
};

}  // namespace mcpgate::policy
