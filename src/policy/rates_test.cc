#include "policy/rates.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace mcpgate::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kManyKeys = 1000;
/// The first moment of an hour.
constexpr WallTime kStart{std::chrono::hours{500'000}};
constexpr Action kRead{.tool_set = "logs", .tool = "read"};
constexpr Action kFind{.tool_set = "logs", .tool = "find"};
constexpr Action kQuery{.tool_set = "database", .tool = "query"};

Principal called(std::string user, std::vector<std::string> roles = {}) {
  return {.user = user, .issuer = "https://as", .subject = user, .roles = std::move(roles)};
}

/// How long a call has to wait; nothing: it was admitted, and has ended.
std::optional<std::chrono::seconds> wait_of(const Rates& rates, const Principal& who,
                                            const Action& action, WallTime now) {
  const auto admission = rates.admit(who, action, now);
  return admission ? std::nullopt : std::optional(admission.error().retry_after);
}

TEST(Rates, WithoutAnyEverythingIsAdmittedAndNothingCounted) {
  const auto admission = Rates().admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(admission);
  EXPECT_FALSE(admission->is_counted());
}

TEST(Rates, CallsOfAWindowAreBoundedForEachPrincipal) {
  const Rates rates({{.name = "each", .window = 60s, .limits = {.calls = 2}}}, kManyKeys);
  const WallTime now = kStart + 45'500ms;
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, now));
  EXPECT_FALSE(wait_of(rates, called("ann"), kQuery, now));
  const auto refused = rates.admit(called("ann"), kRead, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "rate each");
  EXPECT_EQ(refused.error().retry_after, 15s) << "the next whole second of the next window";
  EXPECT_FALSE(wait_of(rates, called("bob"), kRead, now));
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, now + 15s)) << "what it was told is true";
}

TEST(Rates, PrincipalsAreIdentitiesNotNames) {
  const Rates rates({{.name = "each", .window = 60s, .limits = {.calls = 1}}}, kManyKeys);
  const Principal one{.user = "ann", .issuer = "https://a", .subject = "1"};
  const Principal other{.user = "ann", .issuer = "https://a", .subject = "2"};
  const Principal shifted{.user = "ann", .issuer = "https://", .subject = "a1"};
  EXPECT_FALSE(wait_of(rates, one, kRead, kStart));
  EXPECT_FALSE(wait_of(rates, other, kRead, kStart));
  EXPECT_FALSE(wait_of(rates, shifted, kRead, kStart));
  EXPECT_TRUE(wait_of(rates, one, kRead, kStart));
}

TEST(Rates, ARateIsAboutItsRolesSetsAndTools) {
  const Rates rates({{.name = "few",
                      .covers = {{"logs"}, {{"read"}}},
                      .roles = {{"guest", "trainee"}},
                      .window = 60s,
                      .limits = {.calls = 1}}},
                    kManyKeys);
  const Principal guest = called("ann", {"staff", "trainee"});
  EXPECT_FALSE(wait_of(rates, guest, kRead, kStart));
  EXPECT_TRUE(wait_of(rates, guest, kRead, kStart));
  EXPECT_FALSE(wait_of(rates, guest, kFind, kStart));
  EXPECT_FALSE(wait_of(rates, guest, kQuery, kStart));
  EXPECT_FALSE(wait_of(rates, called("ann", {"staff"}), kRead, kStart));
  EXPECT_EQ(rates.about(guest, kRead).size(), 1U);
  EXPECT_TRUE(rates.about(guest, kFind).empty());
}

TEST(Rates, WhatIsCountedApartIsChosen) {
  const RateLimits once{.calls = 1};
  const auto admitted = [&](bool per_principal, bool per_tool) {
    const Rates rates({{.name = "r",
                        .per_principal = per_principal,
                        .per_tool = per_tool,
                        .window = 60s,
                        .limits = once}},
                      kManyKeys);
    std::size_t count = 0;
    for (const char* user : {"ann", "bob"}) {
      for (const Action& action : {kRead, kFind, kQuery, kRead}) {
        count += wait_of(rates, called(user), action, kStart) ? 0 : 1;
      }
    }
    return count;
  };
  EXPECT_EQ(admitted(false, false), 1U);
  EXPECT_EQ(admitted(true, false), 2U);
  EXPECT_EQ(admitted(false, true), 3U);
  EXPECT_EQ(admitted(true, true), 6U);
}

TEST(Rates, CallsInFlightAreThoseThatHaveNotEnded) {
  const Rates rates({{.name = "at-once", .limits = {.in_flight = 2}}}, kManyKeys);
  auto first = rates.admit(called("ann"), kRead, kStart);
  const auto second = rates.admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(wait_of(rates, called("ann"), kRead, kStart), 1s);
  EXPECT_FALSE(wait_of(rates, called("bob"), kRead, kStart));
  {
    const Admission moved = *std::move(first);
    EXPECT_EQ(wait_of(rates, called("ann"), kRead, kStart + 24h), 1s) << "not of a window";
  }
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, kStart));
}

TEST(Rates, WhatWasUsedIsChargedAfterwardsAndRefusesTheNextCall) {
  const Rates rates({{.name = "cpu", .window = 60s, .limits = {.cpu = 1s}},
                     {.name = "bytes", .window = 1h, .limits = {.bytes = 1000}}},
                    kManyKeys);
  const auto spend = [&](const RateCost& cost, WallTime now) {
    const auto admission = rates.admit(called("ann"), kRead, now);
    ASSERT_TRUE(admission);
    admission->charge(cost, now);
  };
  spend({.cpu = 999ms, .bytes = 100}, kStart);
  spend({.cpu = 30s, .bytes = 100}, kStart);
  EXPECT_EQ(wait_of(rates, called("ann"), kRead, kStart + 1s), 59s);
  spend({.cpu = 0ms, .bytes = 800}, kStart + 60s);
  const auto refused = rates.admit(called("ann"), kRead, kStart + 61s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "rate bytes");
  EXPECT_EQ(refused.error().retry_after, 3600s - 61s);
}

TEST(Rates, ACallIsChargedToTheWindowInWhichItEnds) {
  const Rates rates({{.name = "cpu", .window = 60s, .limits = {.cpu = 1s}}}, kManyKeys);
  const auto admission = rates.admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(admission);
  admission->charge({.cpu = 5s}, kStart + 61s);
  EXPECT_EQ(wait_of(rates, called("ann"), kRead, kStart + 62s), 58s);
}

// A sandbox's word: it may be any number that parses.
TEST(Rates, WhatASandboxSaysItUsedDoesNotOverflow) {
  const Rates rates({{.name = "cpu", .window = 60s, .limits = {.cpu = 1s}}}, kManyKeys);
  const auto admission = rates.admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(admission);
  for (int i = 0; i < 3; ++i) {
    admission->charge({.cpu = std::chrono::milliseconds::max()}, kStart);
    admission->charge({.cpu = std::chrono::milliseconds::min()}, kStart);
  }
  EXPECT_TRUE(wait_of(rates, called("ann"), kRead, kStart));
}

TEST(Rates, OfSeveralThatRefuseTheLongestWaitIsTold) {
  const Rates rates({{.name = "minute", .window = 60s, .limits = {.calls = 1}},
                     {.name = "hour", .window = 1h, .limits = {.calls = 1}}},
                    kManyKeys);
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, kStart));
  const auto refused = rates.admit(called("ann"), kRead, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "rate hour");
  EXPECT_EQ(refused.error().retry_after, 1h);
  EXPECT_EQ(rates.refusals()[0].count, 0U);
  EXPECT_EQ(rates.refusals()[1].count, 1U);
}

TEST(Rates, ARefusedCallCountsNowhere) {
  const Rates rates(
      {{.name = "wide", .window = 60s, .limits = {.calls = 3, .in_flight = 3}},
       {.name = "narrow", .covers = {{"logs"}, {{"read"}}}, .window = 60s, .limits = {.calls = 1}}},
      kManyKeys);
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, kStart));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(wait_of(rates, called("ann"), kRead, kStart));
  }
  EXPECT_FALSE(wait_of(rates, called("ann"), kFind, kStart));
  EXPECT_FALSE(wait_of(rates, called("ann"), kFind, kStart));
  EXPECT_TRUE(wait_of(rates, called("ann"), kFind, kStart));
}

TEST(Rates, AboveTheKeysNewOnesWaitForTheNextWindow) {
  const Rates rates({{.name = "each", .window = 60s, .limits = {.calls = 5}}}, 2);
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, kStart));
  EXPECT_FALSE(wait_of(rates, called("bob"), kRead, kStart));
  EXPECT_EQ(wait_of(rates, called("eve"), kRead, kStart + 10s), 50s);
  EXPECT_FALSE(wait_of(rates, called("ann"), kRead, kStart)) << "who is known goes on";
  EXPECT_FALSE(wait_of(rates, called("eve"), kRead, kStart + 60s));
  const Rates at_once({{.name = "at-once", .limits = {.in_flight = 5}}}, 1);
  const auto held = at_once.admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(held);
  EXPECT_EQ(wait_of(at_once, called("eve"), kRead, kStart), 1s);
}

TEST(Rates, AReloadGoesOnCountingWhereTheOldOneIs) {
  const auto make = [](std::chrono::milliseconds window, std::uint64_t calls) {
    return Rates({{.name = "each", .window = window, .limits = {.calls = calls, .in_flight = 1}}},
                 kManyKeys);
  };
  const Rates old = make(60s, 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(wait_of(old, called("ann"), kRead, kStart));
  }
  Rates wider = make(60s, 4);
  wider.take_over(old);
  std::optional held = wider.admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(held->has_value());
  EXPECT_TRUE(wait_of(wider, called("ann"), kRead, kStart));
  Rates anew = make(30s, 4);
  anew.take_over(wider);
  EXPECT_FALSE(wait_of(anew, called("ann"), kRead, kStart)) << "another window";
  Rates again = make(60s, 5);
  again.take_over(wider);
  EXPECT_EQ(wait_of(again, called("ann"), kRead, kStart), 1s) << "in flight across the reload";
  held.reset();
  EXPECT_FALSE(wait_of(again, called("ann"), kRead, kStart));
}

TEST(Rates, AreDescribedInWords) {
  EXPECT_EQ(describe({.name = "r",
                      .per_tool = true,
                      .window = 60s,
                      .limits = {.calls = 600, .in_flight = 8, .cpu = 90s, .bytes = 4 << 20}}),
            "600 calls and 90s of CPU time and 4Mi of results in 1m, 8 calls at the same time, for "
            "each principal and tool");
  EXPECT_EQ(describe({.name = "r", .per_principal = false, .limits = {.in_flight = 1}}),
            "1 calls at the same time, all together");
}

/// Never answers.
class SilentStore final : public LeaseStore {
 public:
  void ask(Ask /*ask*/, Answered answered) override { asked.push_back(std::move(answered)); }
  [[nodiscard]] bool may_answer() const override { return is_hopeful; }
  [[nodiscard]] Counts counts() const override { return {.failed = asked.size()}; }

  std::vector<Answered> asked;
  bool is_hopeful = true;
};

TEST(Rates, WithoutALeaseACallWaitsOrIsRefusedOrCountsHere) {
  const auto store = std::make_shared<SilentStore>();
  const auto make = [&](StoreFailure failure) {
    Rates rates({{.name = "all", .window = 60s, .limits = {.calls = 2}, .shared = true}},
                kManyKeys);
    rates.lease_from(store, failure);
    return rates;
  };
  const Rates strict = make(StoreFailure::kRefuse);
  const auto waits = strict.admit(called("ann"), kRead, kStart);
  ASSERT_FALSE(waits);
  ASSERT_TRUE(waits.error().await);
  EXPECT_EQ(strict.refusals()[0].count, 0U) << "it is not refused yet";
  bool is_told = false;
  waits.error().await([&] { is_told = true; });
  ASSERT_EQ(store->asked.size(), 1U);
  const auto late = strict.admit(called("ann"), kRead, kStart, Patience::kNone);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "rateStore");
  EXPECT_TRUE(late.error().is_of_store);
  EXPECT_FALSE(late.error().await);
  EXPECT_EQ(strict.refusals()[0].count, 1U);
  store->asked[0]({{.granted = 1, .rest = 1}});
  EXPECT_TRUE(is_told);
  EXPECT_TRUE(strict.admit(called("ann"), kRead, kStart));

  store->is_hopeful = false;
  const auto down = strict.admit(called("ann"), kRead, kStart);
  ASSERT_FALSE(down);
  EXPECT_TRUE(down.error().is_of_store) << "nobody waits for what is known to be down";
  const Rates easy = make(StoreFailure::kLocal);
  EXPECT_FALSE(wait_of(easy, called("ann"), kRead, kStart));
  EXPECT_FALSE(wait_of(easy, called("ann"), kRead, kStart));
  EXPECT_EQ(wait_of(easy, called("ann"), kRead, kStart), 60s);
  EXPECT_EQ(easy.store_counts()->failed, 1U);
  EXPECT_FALSE(Rates().store_counts());
}

/// One budget, of which a thread of its own grants.
class BusyStore final : public LeaseStore {
 public:
  void ask(Ask ask, Answered answered) override {
    const std::scoped_lock lock(mutex_);
    waiting_.emplace_back(std::move(ask), std::move(answered));
  }
  [[nodiscard]] bool may_answer() const override { return true; }
  [[nodiscard]] Counts counts() const override { return {}; }

 private:
  void run(const std::stop_token& stop) {
    std::uint64_t taken = 0;
    while (!stop.stop_requested()) {
      std::vector<std::pair<Ask, Answered>> batch;
      {
        const std::scoped_lock lock(mutex_);
        batch.swap(waiting_);
      }
      for (const auto& [ask, answered] : batch) {
        const std::uint64_t granted = std::min(ask.wish, ask.limit - taken);
        taken += granted;
        answered(Grant{.granted = granted, .rest = ask.limit - taken});
      }
      std::this_thread::yield();
    }
  }

  std::mutex mutex_;
  std::vector<std::pair<Ask, Answered>> waiting_;
  std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }};
};

TEST(Rates, ThreadsOfReplicasTogetherAreAdmittedExactlyAsOften) {
  constexpr std::uint64_t kCalls = 5000;
  const auto store = std::make_shared<BusyStore>();
  const auto make = [&] {
    Rates rates({{.name = "all",
                  .per_principal = false,
                  .window = 1h,
                  .limits = {.calls = kCalls},
                  .shared = true}},
                kManyKeys);
    rates.lease_from(store, StoreFailure::kRefuse);
    return rates;
  };
  const std::array<Rates, 2> replicas{make(), make()};
  std::atomic<std::uint64_t> admitted = 0;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (;;) {
        const auto admission = replicas[i % 2].admit(called("ann"), kRead, kStart);
        if (admission) {
          ++admitted;
        } else if (const auto& await = admission.error().await) {
          const auto told = std::make_shared<std::promise<void>>();
          const auto future = told->get_future();
          await([told] { told->set_value(); });
          future.wait();
        } else {
          return;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(admitted, kCalls);
}

TEST(Rates, ACallThatAnotherRateRefusesWaitsForNoLease) {
  const auto store = std::make_shared<SilentStore>();
  Rates rates({{.name = "all", .window = 60s, .limits = {.calls = 9}, .shared = true},
               {.name = "own", .window = 1h, .limits = {.calls = 1}}},
              kManyKeys);
  rates.lease_from(store, StoreFailure::kRefuse);
  const auto waits = rates.admit(called("ann"), kRead, kStart);
  ASSERT_TRUE(!waits && waits.error().await);
  waits.error().await([] {});
  store->asked.at(0)({{.granted = 9, .rest = 0}});
  EXPECT_TRUE(rates.admit(called("ann"), kRead, kStart)) << "the one that waited counts nowhere";
  const auto refused = rates.admit(called("bob"), kRead, kStart);
  ASSERT_TRUE(!refused && refused.error().await) << "of another principal there is no lease";
  const auto full = rates.admit(called("ann"), kRead, kStart);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason, "rate own");
}

TEST(Rates, SayWhichToolsTheyName) {
  const Rates rates({{.name = "a", .covers = {{"*"}, {{"x"}}}, .place = "f:1"},
                     {.name = "b", .covers = {{"logs"}, {{"y"}}}, .place = "f:2"}},
                    kManyKeys);
  ASSERT_EQ(rates.named_tools().size(), 1U);
  EXPECT_EQ(rates.named_tools()[0].tool, "y");
  EXPECT_EQ(rates.named_tools()[0].place, "f:2");
}

TEST(Rates, ThreadsTogetherAreAdmittedExactlyAsOften) {
  constexpr std::uint64_t kCalls = 5000;
  const Rates rates({{.name = "all",
                      .per_principal = false,
                      .window = 1h,
                      .limits = {.calls = kCalls, .in_flight = 3}}},
                    kManyKeys);
  std::atomic<std::uint64_t> admitted = 0;
  std::atomic<int> running = 0;
  std::atomic<bool> too_many = false;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (admitted < kCalls) {
        if (const auto admission = rates.admit(called("ann"), kRead, kStart)) {
          if (++running > 3) {
            too_many = true;
          }
          ++admitted;
          --running;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(admitted, kCalls);
  EXPECT_FALSE(too_many);
  EXPECT_TRUE(wait_of(rates, called("ann"), kRead, kStart));
}

// The rule once more, without any preparation: everything that ever happened is kept and counted.

struct Happened {
  const Principal* who;
  const Action* action;
  WallTime admitted;
  bool running = true;
  std::optional<std::pair<WallTime, RateCost>> charged;
};

class NaiveRates {
 public:
  explicit NaiveRates(std::vector<Rate> rates) : rates_(std::move(rates)) {}

  [[nodiscard]] bool admits(const Principal& who, const Action& action, WallTime now) const {
    return std::ranges::all_of(rates_,
                               [&](const Rate& rate) { return has_room(rate, who, action, now); });
  }

  std::vector<Happened> all;

 private:
  static bool is_about(const Rate& rate, const Principal& who, const Action& action) {
    const auto& sets = rate.covers.tool_sets;
    if (sets[0] != "*" && std::ranges::find(sets, action.tool_set) == sets.end()) {
      return false;
    }
    const std::set<std::string> held(who.roles.begin(), who.roles.end());
    return !rate.roles || std::ranges::any_of(*rate.roles, [&](const std::string& role) {
      return held.contains(role);
    });
  }

  [[nodiscard]] bool has_room(const Rate& rate, const Principal& who, const Action& action,
                              WallTime now) const {
    if (!is_about(rate, who, action)) {
      return true;
    }
    const auto window_of = [&](WallTime time) {
      return rate.window == 0ms ? 0 : time.time_since_epoch() / rate.window;
    };
    std::uint64_t calls = 0;
    std::uint64_t running = 0;
    RateCost spent;
    for (const Happened& call : all) {
      if (!is_about(rate, *call.who, *call.action) || (rate.per_principal && call.who != &who) ||
          (rate.per_tool && call.action->tool != action.tool)) {
        continue;
      }
      calls += window_of(call.admitted) == window_of(now) ? 1 : 0;
      running += call.running ? 1 : 0;
      if (call.charged && window_of(call.charged->first) == window_of(now)) {
        spent.cpu += call.charged->second.cpu;
        spent.bytes += call.charged->second.bytes;
      }
    }
    const RateLimits& limits = rate.limits;
    return (limits.calls == 0 || calls < limits.calls) &&
           (limits.in_flight == 0 || running < limits.in_flight) &&
           (limits.cpu == 0ms || spent.cpu < limits.cpu) &&
           (limits.bytes == 0 || spent.bytes < limits.bytes);
  }

  std::vector<Rate> rates_;
};

class RandomRates {
 public:
  explicit RandomRates(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  std::vector<Rate> rates() {
    std::vector<Rate> all;
    for (std::uint64_t i = below(4); i < 4; ++i) {
      Rate rate{.name = fmt::format("r{}", i),
                .per_principal = below(2) == 0,
                .per_tool = below(2) == 0,
                .window = std::chrono::seconds(1 + below(20))};
      if (below(2) == 0) {
        rate.covers = {.tool_sets = {below(2) == 0 ? "logs" : "database"}};
      }
      if (below(3) == 0) {
        rate.roles = {{below(2) == 0 ? "guest" : "staff"}};
      }
      rate.limits = {.calls = below(2) * (1 + below(5)),
                     .in_flight = below(2) * (1 + below(3)),
                     .cpu = std::chrono::milliseconds(below(2) * (1 + below(50))),
                     .bytes = below(2) * (1 + below(50))};
      if (rate.limits.calls == 0 && rate.limits.cpu == 0ms && rate.limits.bytes == 0) {
        rate.window = 0ms;
      }
      all.push_back(std::move(rate));
    }
    return all;
  }

 private:
  std::mt19937_64 random_;
};

TEST(Rates, AgreeWithTheNaiveRule) {
  const std::vector<Principal> people{called("ann", {"staff"}), called("bob", {"guest"}),
                                      called("eve", {"guest", "staff"})};
  const std::vector<Action> actions{kRead, kFind, kQuery};
  std::size_t refused = 0;
  std::size_t asked = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomRates random(seed);
    const std::vector<Rate> some = random.rates();
    const Rates rates(some, kManyKeys);
    NaiveRates naive(some);
    std::map<std::size_t, Admission> running;
    WallTime now = kStart;
    for (int step = 0; step < 120; ++step) {
      now += std::chrono::milliseconds(random.below(1500));
      if (!running.empty() && random.below(2) == 0) {
        auto at = running.begin();
        std::advance(at, random.below(running.size()));
        const RateCost cost{.cpu = std::chrono::milliseconds(random.below(20)),
                            .bytes = random.below(20)};
        at->second.charge(cost, now);
        naive.all[at->first].charged = {now, cost};
        naive.all[at->first].running = false;
        running.erase(at);
        continue;
      }
      const Principal& who = people[random.below(people.size())];
      const Action& action = actions[random.below(actions.size())];
      auto admission = rates.admit(who, action, now);
      ++asked;
      refused += admission ? 0 : 1;
      ASSERT_EQ(admission.has_value(), naive.admits(who, action, now))
          << "seed " << seed << ", step " << step;
      if (admission) {
        running.emplace(naive.all.size(), *std::move(admission));
        naive.all.push_back({.who = &who, .action = &action, .admitted = now});
      }
    }
  }
  EXPECT_GT(refused, asked / 10);
  EXPECT_LT(refused, asked - asked / 10);
}

}  // namespace
}  // namespace mcpgate::policy
