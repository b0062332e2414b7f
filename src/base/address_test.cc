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

TEST(Address, ParsesWholeAddressesOnly) {
  for (const char* text : {"10.0.0.1", "::1", "2001:db8::7", "::"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1")->to_string(), "10.0.0.1");
  for (const char* text :
       {"", "10.0.0", "10.0.0.1 ", "10.0.0.256", "[::1]", "::1%eth0", "10.0.0.1:80", "unknown",
        "0x7f.1", "1234567890123456789012345678901234567890123456"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0", 9)));
}

TEST(Address, ASubscriberHasA64OfIpv6AndOneAddressOfIpv4) {
  const auto of = [](std::string_view text) {
    return IpAddress::parse(text)->subscriber().to_string();
  };
  EXPECT_EQ(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
  EXPECT_EQ(of("2001:db8:1:3:3:4:5:6"), "2001:db8:1:3::");
  EXPECT_EQ(of("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(of("::ffff:192.0.2.7"), "192.0.2.7");
}

TEST(Address, ANetworkContainsWhatItsPrefixSays) {
  const auto contains = [](const char* network, const char* address) {
    return Network::parse(network)->contains(*IpAddress::parse(address));
  };
  EXPECT_TRUE(contains("10.128.0.0/14", "10.131.255.255"));
  EXPECT_FALSE(contains("10.128.0.0/14", "10.132.0.0"));
  EXPECT_TRUE(contains("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(contains("10.1.2.3", "10.1.2.4"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.9.9.9"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  for (const char* text : {"10.128.0.0/14", "10.1.2.3", "2001:db8::/33", "::/0", "0.0.0.0/0"}) {
    EXPECT_EQ(Network::parse(text)->to_string(), text);
  }
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08",
                           "10.0.0.1/8", "::/129", "10.0.0.0/8/8", "10.0.0.0/ 8", "localhost"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

}  // namespace
}  // namespace mcpgate
