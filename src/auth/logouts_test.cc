#include "auth/logouts.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};
constexpr Logouts::Limits kLimits{.kept = 60s, .entries_max = 3};
constexpr std::string_view kIssuer = "https://as.example/realms/r";

TokenOrigin origin(std::string_view session, std::string_view subject,
                   std::optional<WallTime> issued = kNow) {
  return {
      .session = session.empty() ? std::nullopt : std::optional(session_digest(kIssuer, session)),
      .subject = subject_digest(kIssuer, subject),
      .issued = issued};
}

TEST(Logouts, EndTheSessionThatTheyName) {
  Logouts logouts;
  EXPECT_FALSE(logouts.covers(origin("s1", "ann")));
  EXPECT_TRUE(logouts.add({session_digest(kIssuer, "s1"), kNow}, kLimits, kNow));
  EXPECT_TRUE(logouts.covers(origin("s1", "ann")));
  EXPECT_TRUE(logouts.covers(origin("s1", "ann", kNow + 10s))) << "a session does not come back";
  EXPECT_FALSE(logouts.covers(origin("s2", "ann")));
  EXPECT_FALSE(logouts.covers(origin("", "ann")));
  EXPECT_FALSE(logouts.covers(origin("", "s1"))) << "a subject is no session";
}

TEST(Logouts, EndWhatASubjectDidBefore) {
  Logouts logouts;
  EXPECT_TRUE(logouts.add({subject_digest(kIssuer, "ann"), kNow}, kLimits, kNow));
  EXPECT_TRUE(logouts.covers(origin("s1", "ann", kNow - 1s)));
  EXPECT_TRUE(logouts.covers(origin("s1", "ann", kNow))) << "of the same second";
  EXPECT_TRUE(logouts.covers(origin("s1", "ann", std::nullopt))) << "nobody knows when";
  EXPECT_FALSE(logouts.covers(origin("s1", "ann", kNow + 1s))) << "she has logged in again";
  EXPECT_FALSE(logouts.covers(origin("s1", "bob", kNow - 1s)));
  EXPECT_FALSE(logouts.covers({.subject = subject_digest("https://other", "ann"), .issued = kNow}));
}

TEST(Logouts, ALaterOneIsNewsAndAnEarlierOneIsNot) {
  Logouts logouts;
  const Sha256Digest ann = subject_digest(kIssuer, "ann");
  EXPECT_TRUE(logouts.add({ann, kNow}, kLimits, kNow));
  EXPECT_FALSE(logouts.add({ann, kNow}, kLimits, kNow));
  EXPECT_FALSE(logouts.add({ann, kNow - 5s}, kLimits, kNow));
  EXPECT_TRUE(logouts.covers(origin("", "ann", kNow)));
  EXPECT_TRUE(logouts.add({ann, kNow + 5s}, kLimits, kNow + 5s));
  EXPECT_TRUE(logouts.covers(origin("", "ann", kNow + 5s)));
  EXPECT_EQ(logouts.size(), 1U);
  const auto page = logouts.since(0, 10);
  EXPECT_EQ(page.next, 2U);
  EXPECT_EQ(page.logouts.back(), (Logout{ann, kNow + 5s}));
}

TEST(Logouts, AreForgottenWhenNoTokenCanBeLeft) {
  Logouts logouts;
  logouts.add({session_digest(kIssuer, "s1"), kNow}, kLimits, kNow);
  logouts.add({session_digest(kIssuer, "s2"), kNow + 59s}, kLimits, kNow + 59s);
  EXPECT_TRUE(logouts.covers(origin("s1", "ann")));
  logouts.add({session_digest(kIssuer, "s3"), kNow + 60s}, kLimits, kNow + 60s);
  EXPECT_FALSE(logouts.covers(origin("s1", "ann")));
  EXPECT_TRUE(logouts.covers(origin("s2", "ann")));
}

TEST(Logouts, ThatWereRenewedStay) {
  Logouts logouts;
  const Sha256Digest ann = subject_digest(kIssuer, "ann");
  logouts.add({ann, kNow}, kLimits, kNow);
  logouts.add({ann, kNow + 30s}, kLimits, kNow + 30s);
  logouts.add({session_digest(kIssuer, "s"), kNow + 70s}, kLimits, kNow + 70s);
  EXPECT_TRUE(logouts.covers(origin("", "ann", kNow)));
}

TEST(Logouts, TheOldestMakesRoom) {
  Logouts logouts;
  for (const char* session : {"s1", "s2", "s3", "s4"}) {
    logouts.add({session_digest(kIssuer, session), kNow}, kLimits, kNow);
  }
  EXPECT_EQ(logouts.size(), 3U);
  EXPECT_FALSE(logouts.covers(origin("s1", "ann")));
  EXPECT_TRUE(logouts.covers(origin("s2", "ann")));
  EXPECT_TRUE(logouts.covers(origin("s4", "ann")));
}

TEST(Logouts, AreReadInPages) {
  Logouts logouts;
  std::vector<Sha256Digest> ended;
  for (const char* session : {"s1", "s2", "s3"}) {
    ended.push_back(session_digest(kIssuer, session));
    logouts.add({ended.back(), kNow}, kLimits, kNow);
  }
  const auto first = logouts.since(0, 2);
  EXPECT_EQ(first.next, 2U);
  ASSERT_EQ(first.logouts.size(), 2U);
  EXPECT_EQ(first.logouts[1].whose, ended[1]);
  const auto rest = logouts.since(first.next, 2);
  EXPECT_EQ(rest.next, 3U);
  ASSERT_EQ(rest.logouts.size(), 1U);
  EXPECT_EQ(rest.logouts[0].whose, ended[2]);
  EXPECT_TRUE(logouts.since(rest.next, 2).logouts.empty());
  EXPECT_EQ(logouts.since(100, 2).next, 3U) << "a number of another start";
}

TEST(Logouts, WakeWhoeverWaits) {
  Logouts logouts;
  int woken = 0;
  const auto wake = std::make_shared<const Logouts::Wake>([&woken] { ++woken; });
  logouts.wake_at_news(0, wake);
  logouts.wake_at_news(0, std::make_shared<const Logouts::Wake>([&woken] { woken = 100; }));
  EXPECT_EQ(woken, 0);
  logouts.add({session_digest(kIssuer, "s1"), kNow}, kLimits, kNow);
  EXPECT_EQ(woken, 1) << "and not who has left";
  logouts.add({session_digest(kIssuer, "s2"), kNow}, kLimits, kNow);
  EXPECT_EQ(woken, 1) << "once";
  logouts.wake_at_news(1, wake);
  EXPECT_EQ(woken, 2) << "what came in between is news";
  logouts.wake_at_news(2, wake);
  EXPECT_EQ(woken, 2);
}

TEST(Logouts, AreReadWhileTheyComeIn) {
  Logouts logouts;
  constexpr Logouts::Limits kRoom{.kept = 1h, .entries_max = 1000};
  std::jthread writer([&] {
    for (int i = 0; i < 2000; ++i) {
      logouts.add({session_digest(kIssuer, std::to_string(i)), kNow}, kRoom, kNow);
    }
  });
  std::size_t seen = 0;
  while (!logouts.covers(origin("1999", "ann"))) {
    seen = std::max(seen, logouts.since(0, 5000).logouts.size());
  }
  EXPECT_LE(seen, 1000U);
}

}  // namespace
}  // namespace mcpgate::auth
