#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "policy/lease_store.h"
#include "policy/rates.h"

namespace mcpgate::policy {

/// What one rate has counted, by key: what the rate counts apart. Any thread.
///
/// A window's counts are dropped whole when a call comes in another one, so memory holds one
/// window: at most `keys_max` keys of take() and demand(), and those of calls that were charged
/// after their window.
///
/// Where the rate is shared, what may be counted is leased from a store beforehand: demand() takes
/// a part of what is left there, and take() counts against it. Nothing is given back; the window's
/// end is the lease's.
class RateCounters : public std::enable_shared_from_this<RateCounters> {
 public:
  /// Zero: there are no windows, and nothing but calls in flight is bounded. `name` is what comes
  /// first in the keys of its leases.
  explicit RateCounters(std::chrono::milliseconds window, std::string name = {})
      : window_(window), name_(std::move(name)) {}

  /// What bounds the calls of a window.
  struct Terms {
    const RateLimits& limits;
    std::size_t keys_max;
    /// Whether what was leased bounds them too.
    bool are_leased = false;
  };
  struct Taken {
    /// The window that the call counts in.
    std::int64_t window = 0;
    /// Whether the lease is nearly used up: who demands now spares others the wait.
    bool runs_low = false;
  };
  /// Why a call was not counted.
  struct Lack {
    /// Until there is room, more than zero.
    std::chrono::milliseconds wait{0};
    /// There is room, but no lease of it yet: demand() one of this window.
    bool is_of_lease = false;
    std::int64_t window = 0;
  };

  /// Counts one more call, and where in_flight is bounded as one of those.
  [[nodiscard]] std::expected<Taken, Lack> take(const std::string& key, const Terms& terms,
                                                WallTime now);
  /// A call that take() counted in flight has ended.
  void end(const std::string& key);
  /// A call that take() counted in a window is not made.
  void untake(const std::string& key, std::int64_t window);
  void charge(const std::string& key, const RateCost& cost, WallTime now);

  /// Leases more of a window, unless somebody is asking already. `answered` may be null; it is
  /// called once the answer is known, whatever it is, or the window is over; on any thread.
  void demand(LeaseStore& store, const std::string& key, const Terms& terms, std::int64_t window,
              std::function<void()> answered);

  void count_refusal() { refusals_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  struct Leases {
    /// Calls of the window that may begin in all.
    std::uint64_t granted = 0;
    /// What is asked for next; zero: nothing was asked yet.
    std::uint64_t next = 0;
    /// The store had nothing left for a limit of so many.
    std::uint64_t exhausted_at = 0;
    bool is_asking = false;
    std::vector<std::function<void()>> waiting;
  };
  struct Spent {
    std::uint64_t calls = 0;
    std::chrono::milliseconds cpu{0};
    std::uint64_t bytes = 0;
    /// Null where none was demanded.
    std::unique_ptr<Leases> leases;
  };
  using SpentByKey = std::unordered_map<std::string, Spent>;
  struct Past;

  WallTime enter_window(WallTime now, Past& past);
  [[nodiscard]] bool has_room(const std::string& key, const Terms& terms) const;
  [[nodiscard]] const Leases* leases_of(const std::string& key) const;
  [[nodiscard]] std::optional<Lack> lack_of_lease(const std::string& key, std::uint64_t limit,
                                                  std::chrono::milliseconds wait) const;
  [[nodiscard]] std::string lease_key(const std::string& key) const;
  void note(const std::string& key, std::int64_t window, std::uint64_t limit,
            const std::optional<LeaseStore::Grant>& grant);

  const std::chrono::milliseconds window_;
  const std::string name_;
  std::atomic<std::uint64_t> refusals_ = 0;
  std::mutex mutex_;
  std::int64_t number_ = 0;
  /// The latest time that was told.
  WallTime latest_;
  SpentByKey spent_;
  /// Without zeros.
  std::unordered_map<std::string, std::uint64_t> in_flight_;
};

}  // namespace mcpgate::policy
