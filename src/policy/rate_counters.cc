#include "policy/rate_counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"

namespace mcpgate::policy {

namespace {

using std::chrono::milliseconds;

/// Nobody knows when a call will end.
constexpr milliseconds kInFlightPatience{1'000};
/// No call uses more, whatever its sandbox says: sums of it do not overflow.
constexpr milliseconds kCpuMax = std::chrono::hours{24 * 30};
/// Loops read the clock, and then ask one after the other; calls that waited come later still. A
/// time that lies further back is that of a clock that was set.
constexpr milliseconds kLateMax{60'000};
/// A lease is this part of what is left, so that a few replicas do not hold all of a budget while
/// others are refused.
constexpr std::uint64_t kLeaseParts = 32;
/// However large a budget is: what a replica leased that ends is lost until the window's end.
constexpr std::uint64_t kLeaseMax = 1'000;
/// The next lease is asked for when this part of one is left.
constexpr std::uint64_t kLowParts = 4;
/// Clocks of replicas differ: a budget outlives its window.
constexpr milliseconds kKeepLonger{60'000};

std::uint64_t part_of(std::uint64_t rest) {
  return std::clamp<std::uint64_t>(rest / kLeaseParts, 1, kLeaseMax);
}

milliseconds since_epoch(WallTime time) {
  return std::chrono::floor<milliseconds>(time.time_since_epoch());
}

}  // namespace

/// What was counted in a window that is over. Declare it before the lock: its end may take long,
/// and whoever waits for a lease of that window asks again.
struct RateCounters::Past {
  Past() = default;
  Past(const Past&) = delete;
  Past& operator=(const Past&) = delete;
  ~Past() {
    for (const auto& [key, spent] : counts) {
      if (spent.leases) {
        std::ranges::for_each(spent.leases->waiting, [](const auto& answered) { answered(); });
      }
    }
  }

  SpentByKey counts;
};

/// What is counted is of the window of `now` from here on, or of a later one that has begun
/// already: windows do not come back. Gives the time that it is for what is counted.
WallTime RateCounters::enter_window(WallTime now, Past& past) {
  if (now < latest_ && latest_ - now <= kLateMax) {
    return latest_;
  }
  latest_ = now;
  const std::int64_t number = since_epoch(now) / window_;
  if (std::exchange(number_, number) != number) {
    past.counts = std::exchange(spent_, {});
  }
  return now;
}

/// Whether the window has room for one more call.
bool RateCounters::has_room(const std::string& key, const Terms& terms) const {
  const RateLimits& limits = terms.limits;
  const auto found = spent_.find(key);
  if (found == spent_.end()) {
    return spent_.size() < terms.keys_max;
  }
  const Spent& spent = found->second;
  return (limits.calls == 0 || spent.calls < limits.calls) &&
         (limits.cpu == limits.cpu.zero() || spent.cpu < limits.cpu) &&
         (limits.bytes == 0 || spent.bytes < limits.bytes);
}

const RateCounters::Leases* RateCounters::leases_of(const std::string& key) const {
  const auto found = spent_.find(key);
  return found == spent_.end() ? nullptr : found->second.leases.get();
}

/// Why what was leased has no room for one more call, where it has none.
std::optional<RateCounters::Lack> RateCounters::lack_of_lease(const std::string& key,
                                                              std::uint64_t limit,
                                                              milliseconds wait) const {
  const Leases* const leases = leases_of(key);
  if (leases != nullptr && spent_.at(key).calls < leases->granted) {
    return std::nullopt;
  }
  const bool is_exhausted = leases != nullptr && leases->exhausted_at >= limit;
  return Lack{.wait = wait, .is_of_lease = !is_exhausted, .window = number_};
}

std::expected<RateCounters::Taken, RateCounters::Lack> RateCounters::take(const std::string& key,
                                                                          const Terms& terms,
                                                                          WallTime now) {
  const bool has_window = window_ > window_.zero();
  const RateLimits& limits = terms.limits;
  Past past;
  const std::scoped_lock lock(mutex_);
  if (has_window) {
    const milliseconds wait = window_ - since_epoch(enter_window(now, past)) % window_;
    if (!has_room(key, terms)) {
      return std::unexpected(Lack{.wait = wait});
    }
    if (const auto lack =
            terms.are_leased ? lack_of_lease(key, limits.calls, wait) : std::nullopt) {
      return std::unexpected(*lack);
    }
  }
  if (limits.in_flight > 0) {
    const auto found = in_flight_.find(key);
    const bool has_place = found == in_flight_.end() ? in_flight_.size() < terms.keys_max
                                                     : found->second < limits.in_flight;
    if (!has_place) {
      return std::unexpected(Lack{.wait = kInFlightPatience});
    }
    ++in_flight_[key];
  }
  Taken taken{.window = number_};
  if (has_window) {
    Spent& spent = spent_[key];
    ++spent.calls;
    if (const Leases* const leases = terms.are_leased ? spent.leases.get() : nullptr) {
      const std::uint64_t left = leases->granted - spent.calls;
      taken.runs_low = left > 0 && left <= leases->next / kLowParts && !leases->is_asking &&
                       leases->exhausted_at < limits.calls;
    }
  }
  return taken;
}

void RateCounters::end(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = in_flight_.find(key);
  if (found != in_flight_.end() && --found->second == 0) {
    in_flight_.erase(found);
  }
}

void RateCounters::untake(const std::string& key, std::int64_t window) {
  const std::scoped_lock lock(mutex_);
  if (window_ == window_.zero() || number_ != window) {
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
  Past past;
  const std::scoped_lock lock(mutex_);
  enter_window(now, past);
  Spent& spent = spent_[key];
  spent.cpu += std::clamp(cost.cpu, milliseconds{0}, kCpuMax);
  spent.bytes += cost.bytes;
}

std::string RateCounters::lease_key(const std::string& key) const {
  return fmt::format("{}:{}:{}:{}", name_, sha256_hex(key), window_.count(), number_);
}

void RateCounters::demand(LeaseStore& store, const std::string& key, const Terms& terms,
                          std::int64_t window, std::function<void()> answered) {
  const std::uint64_t limit = terms.limits.calls;
  LeaseStore::Ask ask{.limit = limit};
  {
    const std::scoped_lock lock(mutex_);
    const bool is_of_now =
        window == number_ && (spent_.contains(key) || spent_.size() < terms.keys_max);
    // Where another call has moved on meanwhile, take() says how it is now.
    if (is_of_now && (!answered || lack_of_lease(key, limit, {}).value_or(Lack{}).is_of_lease)) {
      Spent& spent = spent_[key];
      if (!spent.leases) {
        spent.leases = std::make_unique<Leases>(Leases{.next = part_of(limit)});
      }
      Leases& leases = *spent.leases;
      if (answered) {
        leases.waiting.push_back(std::exchange(answered, nullptr));
      }
      if (!std::exchange(leases.is_asking, true)) {
        // Calls that were made without a lease, while the store was down, are paid for first.
        const std::uint64_t debt = spent.calls - std::min(spent.calls, leases.granted);
        ask.wish = debt + std::max<std::uint64_t>(leases.next, leases.waiting.size());
        ask.key = lease_key(key);
        ask.keep = window_ - since_epoch(latest_) % window_ + kKeepLonger;
      }
    }
  }
  if (answered) {
    answered();
  }
  if (ask.wish > 0) {
    store.ask(std::move(ask), [self = shared_from_this(), key, window, limit](const auto& grant) {
      self->note(key, window, limit, grant);
    });
  }
}

/// What a store answers.
void RateCounters::note(const std::string& key, std::int64_t window, std::uint64_t limit,
                        const std::optional<LeaseStore::Grant>& grant) {
  std::vector<std::function<void()>> waiting;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = spent_.find(key);
    if (window != number_ || found == spent_.end() || !found->second.leases) {
      return;
    }
    Leases& leases = *found->second.leases;
    leases.is_asking = false;
    waiting = std::exchange(leases.waiting, {});
    if (grant) {
      leases.granted += grant->granted;
      leases.next = part_of(grant->rest);
      leases.exhausted_at = grant->rest == 0 ? limit : 0;
    }
  }
  std::ranges::for_each(waiting, [](const auto& answered) { answered(); });
}

}  // namespace mcpgate::policy
