#include "auth/seen_proofs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;
using Verdict = SeenProofs::Verdict;

constexpr WallTime kNow{1'800'000'000s};

class SeenProofsTest : public ::testing::Test {
 protected:
  Verdict use(int proof, WallTime issued = kNow, WallTime now = kNow, std::string subject = "a") {
    return look_up(proof, issued, now, std::move(subject), true);
  }
  Verdict look_at(int proof, WallTime issued = kNow) {
    return look_up(proof, issued, kNow, "a", false);
  }
  Verdict look_up(int proof, WallTime issued, WallTime now, std::string subject, bool is_used) {
    const Principal who{.issuer = "https://as", .subject = std::move(subject)};
    return seen_.look_up(sha256(std::to_string(proof)), issued, who, limits_, now, is_used);
  }

  SeenProofs::Limits limits_{.window = 300s, .all_max = 100, .per_principal_max = 50};
  SeenProofs seen_;
};

TEST_F(SeenProofsTest, AProofIsUsedOnce) {
  EXPECT_EQ(look_at(1), Verdict::kNew);
  EXPECT_EQ(look_at(1), Verdict::kNew) << "to look at it does not use it";
  EXPECT_EQ(use(1), Verdict::kNew);
  EXPECT_EQ(look_at(1), Verdict::kSeen);
  EXPECT_EQ(use(1), Verdict::kSeen);
  EXPECT_EQ(use(1, kNow, kNow, "b"), Verdict::kSeen) << "whoever brings it";
  EXPECT_EQ(use(2), Verdict::kNew);
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(SeenProofsTest, AProofIsRememberedAsLongAsItIsGood) {
  EXPECT_EQ(use(1, kNow + 300s), Verdict::kNew) << "of a client whose clock is ahead";
  EXPECT_EQ(use(2, kNow - 300s), Verdict::kNew);
  for (const auto later : {1s, 100s, 599s, 600s}) {
    EXPECT_EQ(use(1, kNow + 300s, kNow + later), Verdict::kSeen) << later.count();
  }
  EXPECT_EQ(seen_.size(), 1U) << "the other one is too old by now";
  EXPECT_EQ(use(3, kNow + 601s, kNow + 601s), Verdict::kNew);
  EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(SeenProofsTest, WhatWasForgottenIsNotNewAgain) {
  EXPECT_EQ(use(1), Verdict::kNew);
  EXPECT_EQ(use(2, kNow + 400s, kNow + 400s), Verdict::kNew);
  EXPECT_EQ(use(1, kNow, kNow), Verdict::kForgotten) << "the clock was put back";
  limits_.window = 900s;
  EXPECT_EQ(use(1, kNow, kNow + 400s), Verdict::kForgotten) << "the window was made longer";
  EXPECT_EQ(use(3, kNow + 1s, kNow + 400s), Verdict::kNew);
}

TEST_F(SeenProofsTest, WithoutRoomNoProofIsNew) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(use(i), Verdict::kNew);
  }
  EXPECT_EQ(use(50), Verdict::kFullForPrincipal);
  EXPECT_EQ(look_at(50), Verdict::kFullForPrincipal);
  EXPECT_EQ(use(49), Verdict::kSeen) << "nothing was forgotten for it";
  for (int i = 50; i < 100; ++i) {
    EXPECT_EQ(use(i, kNow, kNow, "b"), Verdict::kNew) << "another one has room";
  }
  EXPECT_EQ(use(100, kNow, kNow, "c"), Verdict::kFull);
  EXPECT_EQ(seen_.size(), 100U);
  EXPECT_EQ(use(100, kNow + 301s, kNow + 301s, "c"), Verdict::kNew) << "there is room again";
  EXPECT_EQ(seen_.size(), 1U);
}

// After a quiet hour only a few seconds' worth is forgotten with each proof, unless it is in the
// way.
TEST_F(SeenProofsTest, WhatIsInTheWayIsForgottenAtOnce) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(use(i, kNow + std::chrono::seconds(i)), Verdict::kNew);
  }
  EXPECT_EQ(use(100, kNow + 3600s, kNow + 3600s, "b"), Verdict::kNew);
  EXPECT_EQ(seen_.size(), 47U);
  EXPECT_EQ(use(101, kNow + 3600s, kNow + 3600s, "a"), Verdict::kNew);
  EXPECT_EQ(seen_.size(), 44U);
  for (int i = 200; i < 206; ++i) {
    EXPECT_EQ(use(i, kNow + 3600s, kNow + 3600s, "a"), Verdict::kNew);
  }
  limits_.per_principal_max = 7;
  EXPECT_EQ(use(300, kNow + 3600s, kNow + 3600s, "a"), Verdict::kFullForPrincipal);
  EXPECT_EQ(seen_.size(), 8U) << "all that was old is gone";
}

TEST_F(SeenProofsTest, OfManyThreadsOneUsesAProof) {
  constexpr int kThreads = 4;
  constexpr int kProofs = 5'000;
  limits_ = {.window = 300s, .all_max = kProofs, .per_principal_max = kProofs};
  std::atomic<int> fresh = 0;
  std::latch all_run(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([this, &fresh, &all_run] {
        all_run.arrive_and_wait();
        for (int i = 0; i < kProofs; ++i) {
          fresh += use(i, kNow + std::chrono::seconds(i % 7)) == Verdict::kNew ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(fresh, kProofs);
  EXPECT_EQ(seen_.size(), static_cast<std::size_t>(kProofs));
}

}  // namespace
}  // namespace mcpgate::auth
