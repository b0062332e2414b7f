#include "policy/rate_counters.h"

#include <algorithm>
#include <utility>

namespace mcpgate::policy {

namespace {

using std::chrono::milliseconds;

/// Nobody knows when a call will end.
constexpr milliseconds kInFlightPatience{1'000};
/// No call uses more, whatever its sandbox says: sums of it do not overflow.
constexpr milliseconds kCpuMax = std::chrono::hours{24 * 30};

milliseconds since_epoch(WallTime time) {
  return std::chrono::floor<milliseconds>(time.time_since_epoch());
}

}  // namespace

std::int64_t RateCounters::number_of(WallTime now) const {
  return since_epoch(now) / window_;
}

RateCounters::SpentByKey RateCounters::enter_window(WallTime now) {
  const std::int64_t number = number_of(now);
  return std::exchange(number_, number) == number ? SpentByKey() : std::exchange(spent_, {});
}

/// Whether the window has room for one more call.
bool RateCounters::has_room(const std::string& key, const RateLimits& limits,
                            std::size_t keys_max) const {
  const auto found = spent_.find(key);
  if (found == spent_.end()) {
    return spent_.size() < keys_max;
  }
  const Spent& spent = found->second;
  return (limits.calls == 0 || spent.calls < limits.calls) &&
         (limits.cpu == limits.cpu.zero() || spent.cpu < limits.cpu) &&
         (limits.bytes == 0 || spent.bytes < limits.bytes);
}

std::optional<milliseconds> RateCounters::take(const std::string& key, const RateLimits& limits,
                                               std::size_t keys_max, WallTime now) {
  const bool has_window = window_ > window_.zero();
  SpentByKey past;
  const std::scoped_lock lock(mutex_);
  if (has_window) {
    past = enter_window(now);
    if (!has_room(key, limits, keys_max)) {
      return window_ - since_epoch(now) % window_;
    }
  }
  if (limits.in_flight > 0) {
    const auto found = in_flight_.find(key);
    const bool has_place =
        found == in_flight_.end() ? in_flight_.size() < keys_max : found->second < limits.in_flight;
    if (!has_place) {
      return kInFlightPatience;
    }
    ++in_flight_[key];
  }
  if (has_window) {
    ++spent_[key].calls;
  }
  return std::nullopt;
}

void RateCounters::end(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = in_flight_.find(key);
  if (found != in_flight_.end() && --found->second == 0) {
    in_flight_.erase(found);
  }
}

void RateCounters::untake(const std::string& key, WallTime then) {
  const std::scoped_lock lock(mutex_);
  if (window_ == window_.zero() || number_ != number_of(then)) {
    return;
  }
  const auto found = spent_.find(key);
  if (found != spent_.end() && found->second.calls > 0) {
    --found->second.calls;
  }
}

void RateCounters::charge(const std::string& key, const RateCost& cost, WallTime now) {
  if (window_ == window_.zero()) {
    return;
  }
  SpentByKey past;
  const std::scoped_lock lock(mutex_);
  past = enter_window(now);
  Spent& spent = spent_[key];
  spent.cpu += std::clamp(cost.cpu, milliseconds{0}, kCpuMax);
  spent.bytes += cost.bytes;
}

}  // namespace mcpgate::policy
