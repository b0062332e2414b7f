// What a shared rate leases, and windows that loops enter one after the other. The store is one
// that answers when the test says so.

#include "policy/rate_counters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace mcpgate::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kManyKeys = 1000;
/// The first moment of an hour.
constexpr WallTime kStart{std::chrono::hours{500'000}};

/// One budget a key, of which each ask gets what it wishes as long as there is some.
class FakeStore final : public LeaseStore {
 public:
  void ask(Ask ask, Answered answered) override {
    asks.push_back(ask);
    answers.push_back([this, ask, answered = std::move(answered)](bool failed) {
      std::uint64_t& taken = taken_[ask.key];
      const std::uint64_t free = ask.limit - std::min(ask.limit, taken);
      const std::uint64_t granted = std::min(free, ask.wish);
      taken += failed ? 0 : granted;
      answered(failed ? std::nullopt
                      : std::optional(Grant{.granted = granted, .rest = free - granted}));
    });
  }
  [[nodiscard]] bool may_answer() const override { return !is_down; }
  [[nodiscard]] Counts counts() const override { return {}; }

  /// Answers all that was asked.
  void answer() {
    for (const auto& one : std::exchange(answers, {})) {
      one(is_down);
    }
  }

  std::vector<Ask> asks;
  std::vector<std::function<void(bool)>> answers;
  bool is_down = false;

 private:
  std::unordered_map<std::string, std::uint64_t> taken_;
};

class RateCountersTest : public testing::Test {
 protected:
  using Counters = std::shared_ptr<RateCounters>;

  static Counters make(std::chrono::milliseconds window = 60s) {
    return std::make_shared<RateCounters>(window, "rate:each:p");
  }
  [[nodiscard]] RateCounters::Terms terms(bool are_leased = true) const {
    return {.limits = limits_, .keys_max = kManyKeys, .are_leased = are_leased};
  }
  /// Whether a call is counted, which waits for leases as long as there are some.
  bool call(const Counters& counters, const std::string& key = "ann", WallTime now = kStart) {
    for (;;) {
      const auto taken = counters->take(key, terms(), now);
      if (taken) {
        if (taken->runs_low) {
          counters->demand(store_, key, terms(), taken->window, nullptr);
        }
        return true;
      }
      if (!taken.error().is_of_lease) {
        return false;
      }
      bool is_answered = false;
      counters->demand(store_, key, terms(), taken.error().window, [&] { is_answered = true; });
      store_.answer();
      EXPECT_TRUE(is_answered);
    }
  }

  RateLimits limits_{.calls = 100};
  FakeStore store_;
};

TEST_F(RateCountersTest, ATimeOfTheWindowBeforeCountsInTheOneThatHasBegun) {
  limits_.calls = 1;
  const Counters counters = make();
  EXPECT_TRUE(counters->take("ann", terms(false), kStart));
  const auto late = counters->take("ann", terms(false), kStart - 1ms);
  ASSERT_FALSE(late) << "what was counted is not forgotten";
  EXPECT_EQ(late.error().wait, 60s);
  EXPECT_FALSE(counters->take("ann", terms(false), kStart)) << "and has not come back";
  counters->charge("bob", {.cpu = 1s}, kStart - 1ms);
  EXPECT_FALSE(counters->take("ann", terms(false), kStart));
  EXPECT_TRUE(counters->take("ann", terms(false), kStart + 60s));
}

TEST_F(RateCountersTest, AClockThatIsSetBackBeginsAnew) {
  limits_.calls = 1;
  const Counters counters = make();
  EXPECT_TRUE(counters->take("ann", terms(false), kStart + 24h));
  EXPECT_TRUE(counters->take("ann", terms(false), kStart)) << "not refused for a day";
  EXPECT_FALSE(counters->take("ann", terms(false), kStart));
}

TEST_F(RateCountersTest, ACallThatIsNotMadeIsTakenFromTheWindowItCountsIn) {
  limits_.calls = 2;
  const Counters counters = make();
  const auto old = counters->take("ann", terms(false), kStart - 1ms);
  ASSERT_TRUE(old && counters->take("ann", terms(false), kStart));
  counters->untake("ann", old->window);
  EXPECT_TRUE(counters->take("ann", terms(false), kStart));
  const auto one_more = counters->take("ann", terms(false), kStart);
  EXPECT_FALSE(one_more) << "the window that is over has nothing to give";
}

TEST_F(RateCountersTest, ReplicasTogetherMakeExactlyTheLimit) {
  for (const std::uint64_t limit : {1U, 2U, 31U, 100U, 5'000U, 100'000U}) {
    limits_.calls = limit;
    const std::vector<Counters> replicas{make(1h), make(1h), make(1h)};
    const std::string key = std::to_string(limit);
    std::uint64_t made = 0;
    for (bool any = true; any;) {
      any = false;
      for (const Counters& replica : replicas) {
        const bool is_made = call(replica, key);
        made += is_made ? 1 : 0;
        any = any || is_made;
        store_.answer();
      }
    }
    EXPECT_EQ(made, limit);
  }
}

TEST_F(RateCountersTest, AReplicaThatDiesTakesLittleWithIt) {
  limits_.calls = 10'000;
  EXPECT_TRUE(call(make()));
  store_.answer();
  const Counters other = make();
  std::uint64_t made = 1;
  while (call(other)) {
    store_.answer();
    ++made;
  }
  EXPECT_LT(made, 10'000U);
  EXPECT_GE(made, 10'000U - 2 * (10'000U / 32));
}

TEST_F(RateCountersTest, TheNextLeaseIsAskedForBeforeAnybodyWaits) {
  limits_.calls = 3'200;
  const Counters counters = make();
  EXPECT_TRUE(call(counters));
  ASSERT_EQ(store_.asks.size(), 1U);
  EXPECT_EQ(store_.asks[0].wish, 100U);
  int waited = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto taken = counters->take("ann", terms(), kStart);
    if (!taken) {
      ++waited;
    } else if (taken->runs_low) {
      counters->demand(store_, "ann", terms(), taken->window, nullptr);
      counters->demand(store_, "ann", terms(), taken->window, nullptr);
      EXPECT_EQ(store_.answers.size(), 1U) << "one asks for all";
    }
    if (i % 10 == 0) {
      store_.answer();
    }
  }
  EXPECT_EQ(waited, 0);
}

TEST_F(RateCountersTest, WhoWaitsAtTheSameTimeIsAskedForInOneGo) {
  limits_.calls = 20;
  const Counters counters = make();
  ASSERT_TRUE(call(counters)) << "so that what is asked for next is known";
  int answered = 0;
  const auto lack = counters->take("ann", terms(), kStart);
  ASSERT_FALSE(lack);
  for (int i = 0; i < 5; ++i) {
    counters->demand(store_, "ann", terms(), lack.error().window, [&] { ++answered; });
  }
  ASSERT_EQ(store_.asks.size(), 2U);
  EXPECT_EQ(answered, 0);
  store_.answer();
  EXPECT_EQ(answered, 5);
  EXPECT_TRUE(counters->take("ann", terms(), kStart));
  for (int i = 0; i < 4; ++i) {
    counters->demand(store_, "ann", terms(), lack.error().window, [&] { ++answered; });
  }
  ASSERT_EQ(store_.asks.size(), 3U);
  store_.answer();
  EXPECT_EQ(answered, 9);
}

TEST_F(RateCountersTest, OfAnEmptyBudgetNobodyAsksAgain) {
  limits_.calls = 3;
  const Counters counters = make();
  while (call(counters)) {
  }
  const std::size_t asked = store_.asks.size();
  const auto refused = counters->take("ann", terms(), kStart + 15s);
  ASSERT_FALSE(refused);
  EXPECT_FALSE(refused.error().is_of_lease);
  EXPECT_EQ(refused.error().wait, 45s);
  limits_.calls = 2;
  EXPECT_FALSE(call(counters));
  EXPECT_EQ(store_.asks.size(), asked);
  limits_.calls = 4;
  EXPECT_TRUE(call(counters)) << "a reload may have widened it";
}

TEST_F(RateCountersTest, ALeaseEndsWithItsWindowAndTellsWhoWaits) {
  const Counters counters = make();
  EXPECT_TRUE(call(counters));
  const std::string first = store_.asks[0].key;
  EXPECT_TRUE(first.starts_with("rate:each:p:")) << first;
  EXPECT_FALSE(first.contains("ann")) << "nobody's name leaves the gateway";
  EXPECT_EQ(store_.asks[0].keep, 60s + 60s);
  bool is_told = false;
  const auto lack = counters->take("bob", terms(), kStart + 59s);
  ASSERT_FALSE(lack);
  counters->demand(store_, "bob", terms(), lack.error().window, [&] { is_told = true; });
  EXPECT_EQ(store_.asks[1].keep, 1s + 60s);
  EXPECT_FALSE(counters->take("ann", terms(), kStart + 60s)) << "what was left is not carried over";
  EXPECT_TRUE(is_told);
  store_.answer();  // What comes too late for its window is nobody's.
  EXPECT_FALSE(counters->take("bob", terms(), kStart + 60s));
  EXPECT_TRUE(call(counters, "ann", kStart + 60s));
  EXPECT_NE(store_.asks.back().key, first);
  bool is_late_told = false;
  counters->demand(store_, "bob", terms(), lack.error().window, [&] { is_late_told = true; });
  EXPECT_TRUE(is_late_told) << "a window that is over";
}

TEST_F(RateCountersTest, WhatWasMadeWithoutTheStoreIsPaidForWhenItIsBack) {
  limits_.calls = 40;
  const Counters counters = make();
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(counters->take("ann", terms(false), kStart));
  }
  EXPECT_TRUE(call(counters));
  EXPECT_EQ(store_.asks[0].wish, 31U);
  std::uint64_t others = 0;
  const Counters other = make();
  while (call(other)) {
    ++others;
  }
  EXPECT_EQ(others, 9U);
}

TEST_F(RateCountersTest, AStoreThatDoesNotAnswerIsAskedAgain) {
  const Counters counters = make();
  const auto lack = counters->take("ann", terms(), kStart);
  ASSERT_FALSE(lack);
  store_.is_down = true;
  int answered = 0;
  for (int i = 0; i < 2; ++i) {
    counters->demand(store_, "ann", terms(), lack.error().window, [&] { ++answered; });
    store_.answer();
  }
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(store_.asks.size(), 2U);
  store_.is_down = false;
  EXPECT_TRUE(call(counters));
}

TEST_F(RateCountersTest, KeysThatWaitForALeaseAreBoundedToo) {
  const Counters counters = make();
  const RateCounters::Terms one{.limits = limits_, .keys_max = 1, .are_leased = true};
  const auto ann = counters->take("ann", one, kStart);
  const auto bob = counters->take("bob", one, kStart);
  ASSERT_FALSE(ann || bob);
  counters->demand(store_, "ann", one, ann.error().window, [] {});
  bool is_told = false;
  counters->demand(store_, "bob", one, bob.error().window, [&] { is_told = true; });
  EXPECT_TRUE(is_told);
  EXPECT_EQ(store_.asks.size(), 1U);
  const auto refused = counters->take("bob", one, kStart);
  ASSERT_FALSE(refused);
  EXPECT_FALSE(refused.error().is_of_lease);
}

}  // namespace
}  // namespace mcpgate::policy
