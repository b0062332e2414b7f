#include "policy/rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/units.h"
#include "policy/rate_counters.h"
#include "policy/selection.h"

namespace mcpgate::policy {

namespace {

bool is_about(const Rate& rate, const Principal& principal, const Action& action) {
  return covers_set(rate.covers, action.tool_set) && covers_tool(rate.covers, action.tool) &&
         (!rate.roles || std::ranges::any_of(*rate.roles, [&](const std::string& role) {
           return names(principal.roles, role);
         }));
}

/// Each part with its length before it, so that no two identities make one key.
std::string key_of(const Rate& rate, const Principal& principal, const Action& action) {
  std::string key;
  const auto add = [&key](std::string_view part) {
    key.append(std::to_string(part.size())).append(1, ':').append(part);
  };
  if (rate.per_principal) {
    add(principal.issuer);
    add(principal.subject);
  }
  if (rate.per_tool) {
    add(action.tool_set);
    add(action.tool);
  }
  return key;
}

/// What the keys of a rate's leases begin with: another way of counting is another budget.
std::string lease_name(const Rate& rate) {
  return fmt::format("rate:{}:{}{}", rate.name, rate.per_principal ? "p" : "",
                     rate.per_tool ? "t" : "");
}

/// Whether counts of the one are counts of the other.
bool counts_the_same(const Rate& a, const Rate& b) {
  return a.name == b.name && a.window == b.window && a.per_principal == b.per_principal &&
         a.per_tool == b.per_tool;
}

}  // namespace

std::string describe(const Rate& rate) {
  std::vector<std::string> spent;
  if (rate.limits.calls > 0) {
    spent.push_back(fmt::format("{} calls", rate.limits.calls));
  }
  if (rate.limits.cpu > rate.limits.cpu.zero()) {
    spent.push_back(format_duration(rate.limits.cpu) + " of CPU time");
  }
  if (rate.limits.bytes > 0) {
    spent.push_back(format_size(rate.limits.bytes) + " of results");
  }
  std::string text;
  if (!spent.empty()) {
    text = fmt::format("{} in {}, ", fmt::join(spent, " and "), format_duration(rate.window));
  }
  if (rate.shared) {
    text += "over all replicas, ";
  }
  if (rate.limits.in_flight > 0) {
    text += fmt::format("{} calls at the same time, ", rate.limits.in_flight);
  }
  if (rate.per_principal && rate.per_tool) {
    return text + "for each principal and tool";
  }
  return text + (rate.per_principal ? "for each principal"
                 : rate.per_tool    ? "for each tool"
                                    : "all together");
}

Admission::~Admission() {
  for (const Held& held : held_) {
    if (held.in_flight) {
      held.counters->end(held.key);
    }
  }
}

void Admission::charge(const RateCost& cost, WallTime now) const {
  for (const Held& held : held_) {
    held.counters->charge(held.key, cost, now);
  }
}

Rates::Rates(const std::vector<Rate>& rates, std::size_t keys_max) : keys_max_(keys_max) {
  for (const Rate& rate : rates) {
    meters_.push_back({.rate = rate,
                       .reason = "rate " + rate.name,
                       .counters = std::make_shared<RateCounters>(rate.window, lease_name(rate))});
  }
}

void Rates::take_over(const Rates& earlier) {
  for (Meter& meter : meters_) {
    for (const Meter& old : earlier.meters_) {
      if (counts_the_same(meter.rate, old.rate)) {
        meter.counters = old.counters;
      }
    }
  }
}

void Rates::lease_from(std::shared_ptr<LeaseStore> store, StoreFailure failure) {
  store_ = std::move(store);
  failure_ = failure;
}

/// Of a call that lacks nothing but a lease.
RateRefusal Rates::without_lease(const Meter& meter, std::string key, std::int64_t window,
                                 bool is_asking) const {
  if (!is_asking) {
    return {.reason = "rateStore", .is_of_store = true};
  }
  return {.reason = {},
          .await = [store = store_, counters = meter.counters, limits = meter.rate.limits,
                    keys_max = keys_max_, key = std::move(key), window](auto answered) {
            counters->demand(*store, key, {.limits = limits, .keys_max = keys_max}, window,
                             std::move(answered));
          }};
}

std::expected<Admission, RateRefusal> Rates::admit(const Principal& principal, const Action& action,
                                                   WallTime now, Patience patience) const {
  const bool is_asking = store_ && patience == Patience::kWaits && store_->may_answer();
  const bool needs_leases = store_ && (is_asking || failure_ == StoreFailure::kRefuse);
  Admission admission;
  std::chrono::milliseconds wait{0};
  const Meter* refused_by = nullptr;
  RateRefusal unleased;
  const Meter* unleased_by = nullptr;
  for (const Meter& meter : meters_) {
    if (!is_about(meter.rate, principal, action)) {
      continue;
    }
    const RateLimits& limits = meter.rate.limits;
    std::string key = key_of(meter.rate, principal, action);
    const RateCounters::Terms terms{
        .limits = limits, .keys_max = keys_max_, .are_leased = meter.rate.shared && needs_leases};
    const auto taken = meter.counters->take(key, terms, now);
    if (taken) {
      if (taken->runs_low && is_asking) {
        meter.counters->demand(*store_, key, terms, taken->window, nullptr);
      }
      admission.held_.push_back({.counters = meter.counters,
                                 .key = std::move(key),
                                 .window = taken->window,
                                 .in_flight = limits.in_flight > 0});
    } else if (taken.error().is_of_lease) {
      unleased = without_lease(meter, std::move(key), taken.error().window, is_asking);
      unleased_by = &meter;
    } else if (taken.error().wait > wait) {
      wait = taken.error().wait;
      refused_by = &meter;
    }
  }
  if (refused_by == nullptr && unleased_by == nullptr) {
    return admission;
  }
  for (const Admission::Held& held : admission.held_) {
    held.counters->untake(held.key, held.window);
  }
  if (refused_by == nullptr) {
    if (!is_asking) {
      unleased_by->counters->count_refusal();
    }
    return std::unexpected(std::move(unleased));
  }
  refused_by->counters->count_refusal();
  return std::unexpected(RateRefusal{.reason = refused_by->reason,
                                     .retry_after = std::chrono::ceil<std::chrono::seconds>(wait)});
}

std::optional<LeaseStore::Counts> Rates::store_counts() const {
  return store_ ? std::optional(store_->counts()) : std::nullopt;
}

std::vector<const Rate*> Rates::about(const Principal& principal, const Action& action) const {
  std::vector<const Rate*> rates;
  for (const Meter& meter : meters_) {
    if (is_about(meter.rate, principal, action)) {
      rates.push_back(&meter.rate);
    }
  }
  return rates;
}

std::vector<Rates::Refusals> Rates::refusals() const {
  std::vector<Refusals> all;
  all.reserve(meters_.size());
  for (const Meter& meter : meters_) {
    all.push_back({.rate = meter.rate.name, .count = meter.counters->refusals()});
  }
  return all;
}

std::vector<NamedTool> Rates::named_tools() const {
  std::vector<NamedTool> named;
  for (const Meter& meter : meters_) {
    add_named_tools(named, meter.rate.covers, meter.rate.place);
  }
  return named;
}

}  // namespace mcpgate::policy
