#pragma once

// How much who may do: calls at the same time, and calls, CPU time and bytes of results in a
// window. Asked after the decision, by `admit`; docs/reference/configuration.md, "Rates".

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/identity.h"
#include "policy/lease_store.h"
#include "policy/policy.h"

namespace mcpgate::policy {

/// What a rate bounds. Zero: no bound.
struct RateLimits {
  std::uint64_t calls = 0;
  std::uint64_t in_flight = 0;
  std::chrono::milliseconds cpu{0};
  /// Of results.
  std::uint64_t bytes = 0;
};

/// One entry of `rates:`.
struct Rate {
  std::string name;
  Selection covers{.tool_sets = {"*"}};
  /// Of whoever holds one of these; nothing: of everybody.
  std::optional<std::vector<std::string>> roles = std::nullopt;
  /// What is counted apart; without either all calls that it is about count together.
  bool per_principal = true;
  bool per_tool = false;
  /// Windows are multiples of it since 1970, in UTC. Zero where `limits` has none but in_flight.
  std::chrono::milliseconds window{0};
  RateLimits limits;
  /// Whether `calls` holds over all replicas. It is set then.
  bool shared = false;
  /// `mcpgate.yaml:7:3: rates.each`, for messages.
  std::string place = {};
};

/// `600 calls and 30s of CPU time in 1m, 8 calls at the same time, for each principal`.
[[nodiscard]] std::string describe(const Rate& rate);

/// What a call has used.
struct RateCost {
  std::chrono::milliseconds cpu{0};
  std::uint64_t bytes = 0;
};

/// That a call is one too many.
struct RateRefusal {
  /// `rate each`, or `rateStore` where it cannot be known: for the record, never for the client.
  std::string reason;
  /// When it can be admitted, if nothing else is called until then; of calls at the same time,
  /// whose end nobody knows, a second.
  std::chrono::seconds retry_after{1};
  /// Whether it is refused because the store of shared rates does not answer.
  bool is_of_store = false;
  /// Set where it is not known yet: calls what it is given once admit() is to be asked again, on
  /// any thread. `reason` means nothing then.
  std::function<void(std::function<void()>)> await = nullptr;
};

/// What becomes of a call of a shared rate while the store does not answer.
enum class StoreFailure {
  /// Each replica counts its own.
  kLocal,
  kRefuse,
};

/// Whether a call may be told to wait.
enum class Patience { kWaits, kNone };

class RateCounters;

/// A call that was admitted. It is in flight until this ends. Of one thread at a time.
class Admission {
 public:
  /// Of a call that no rate is about.
  Admission() = default;
  Admission(Admission&&) noexcept = default;
  /// `other` gets what this was, and ends it.
  Admission& operator=(Admission&& other) noexcept {
    held_.swap(other.held_);
    return *this;
  }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission();

  /// Whether what it used matters to anyone.
  [[nodiscard]] bool is_counted() const { return !held_.empty(); }
  /// What it used counts in the window that `now` is in, and may overdraw it.
  void charge(const RateCost& cost, WallTime now) const;

 private:
  friend class Rates;
  struct Held {
    std::shared_ptr<RateCounters> counters;
    std::string key;
    std::int64_t window;
    bool in_flight;
  };
  std::vector<Held> held_;
};

/// All rates of a configuration, with what they have counted. Any thread.
class Rates {
 public:
  /// How often a rate has refused a call.
  struct Refusals {
    std::string rate;
    std::uint64_t count = 0;
  };

  Rates() = default;
  /// `keys_max`: how many principals or tools one rate counts apart in a window, and how many at
  /// the same time; a call of another one is refused until there is room.
  Rates(const std::vector<Rate>& rates, std::size_t keys_max);

  /// Where shared rates lease; without one each replica counts its own. Before the first admit().
  void lease_from(std::shared_ptr<LeaseStore> store, StoreFailure failure);

  /// Goes on counting where `earlier` is, for each rate that counts the same under the same name;
  /// its bounds may differ. Before the first admit().
  void take_over(const Rates& earlier);

  /// Whether a call that was decided may be made now. A refused one counts nowhere.
  [[nodiscard]] std::expected<Admission, RateRefusal> admit(
      const Principal& principal, const Action& action, WallTime now,
      Patience patience = Patience::kWaits) const;

  /// The rates that are about an action, in the order of the file.
  [[nodiscard]] std::vector<const Rate*> about(const Principal& principal,
                                               const Action& action) const;
  [[nodiscard]] std::vector<Refusals> refusals() const;
  /// Nothing where no rate leases.
  [[nodiscard]] std::optional<LeaseStore::Counts> store_counts() const;
  /// The tools that rates name.
  [[nodiscard]] std::vector<NamedTool> named_tools() const;

 private:
  struct Meter {
    Rate rate;
    /// `rate each`.
    std::string reason;
    std::shared_ptr<RateCounters> counters;
  };

  [[nodiscard]] RateRefusal without_lease(const Meter& meter, std::string key, std::int64_t window,
                                          bool is_asking) const;

  std::vector<Meter> meters_;
  std::shared_ptr<LeaseStore> store_;
  StoreFailure failure_ = StoreFailure::kRefuse;
  std::size_t keys_max_ = 0;
};

}  // namespace mcpgate::policy
