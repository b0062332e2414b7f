#include "base/address.h"

#include <gtest/gtest.h>

namespace mcpgate {
namespace {

TEST(Address, LoopbackIsAWholeAddress) {
  for (const char* address :
       {"127.0.0.1", "127.9.9.9", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback_address(address)) << address;
    EXPECT_TRUE(is_loopback_host(address)) << address;
  }
  for (const char* host :
       {"", "127.", "127.1", "127.evil.com", "127.0.0.1.evil.com", "127.0.0.1 ", "127.0.0.1:80",
        "128.0.0.1", "10.127.0.1", "[::1]", "::11", "::", "::ffff:10.0.0.1", "::ffff:127.evil.com",
        "localhost.", "localhost.evil", "unix"}) {
    EXPECT_FALSE(is_loopback_address(host)) << host;
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

TEST(Address, LocalhostIsANameNotAnAddress) {
  EXPECT_TRUE(is_loopback_host("localhost"));
  EXPECT_FALSE(is_loopback_address("localhost"));
}

}  // namespace
}  // namespace mcpgate
