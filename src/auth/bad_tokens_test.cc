// Who may have another token verified. Each second begins anew, so times are given to the second.

#include "auth/bad_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};
constexpr BadTokens::Limits kLimits{.per_peer = 2, .peers_max = 3};

class BadTokensTest : public ::testing::Test {
 protected:
  bool has_room(std::string_view peer, WallTime now = kNow) const {
    return bad_.has_room_for(peer, kLimits, now);
  }
  /// So many bad tokens of a peer.
  void send(std::string_view peer, int count, WallTime now = kNow) {
    for (int i = 0; i < count; ++i) {
      bad_.count(peer, kLimits, now);
    }
  }

  BadTokens bad_;
};

TEST_F(BadTokensTest, APeerHasItsOwn) {
  send("192.0.2.1", 1);
  EXPECT_TRUE(has_room("192.0.2.1"));
  send("192.0.2.1", 1);
  EXPECT_FALSE(has_room("192.0.2.1"));
  EXPECT_TRUE(has_room("192.0.2.2"));
  EXPECT_FALSE(has_room("::ffff:192.0.2.1")) << "the same address";
  EXPECT_EQ(bad_.found(), 2U);
}

TEST_F(BadTokensTest, TheNextSecondBeginsAnew) {
  send("192.0.2.1", 2);
  EXPECT_FALSE(has_room("192.0.2.1", kNow + 999ms));
  EXPECT_TRUE(has_room("192.0.2.1", kNow + 1s));
  send("192.0.2.1", 1, kNow + 1s);
  EXPECT_TRUE(has_room("192.0.2.1", kNow + 1s));
  send("192.0.2.1", 1, kNow + 1s);
  EXPECT_FALSE(has_room("192.0.2.1", kNow + 1s));
  EXPECT_TRUE(has_room("192.0.2.1", kNow - 3600s)) << "the clock was put back";
}

TEST_F(BadTokensTest, OfIpv6ANetworkIsOnePeer) {
  send("2001:db8:0:1::1", 1);
  send("2001:db8:0:1:ffff::2", 1);
  EXPECT_FALSE(has_room("2001:db8:0:1::3"));
  EXPECT_TRUE(has_room("2001:db8:0:2::1"));
  send("::ffff:192.0.2.1", 2);
  EXPECT_TRUE(has_room("192.0.2.2")) << "of IPv4 it is the whole address";
}

TEST_F(BadTokensTest, WhatIsNoAddressIsOnePeer) {
  send("unknown", 1);
  send("", 1);
  EXPECT_FALSE(has_room("unknown"));
  EXPECT_TRUE(has_room("192.0.2.1"));
}

// Somebody with many addresses neither gets rid of what was counted, nor has more verified.
TEST_F(BadTokensTest, ManyPeersShareWhatIsLeft) {
  send("192.0.2.1", 2);
  send("192.0.2.2", 1);
  send("192.0.2.3", 1);
  int verified = 0;
  for (int i = 10; i < 200; ++i) {
    const std::string peer = "192.0.2." + std::to_string(i);
    if (has_room(peer)) {
      send(peer, 1);
      ++verified;
    }
  }
  EXPECT_EQ(verified, 2);
  EXPECT_FALSE(has_room("192.0.2.1")) << "it is not forgotten";
  EXPECT_TRUE(has_room("192.0.2.2")) << "nor what it still may";
  EXPECT_FALSE(has_room("198.51.100.1"));
  EXPECT_TRUE(has_room("198.51.100.1", kNow + 1s));
}

}  // namespace
}  // namespace mcpgate::auth
