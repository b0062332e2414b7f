#include "http/client_address.h"

#include <gtest/gtest.h>

#include <vector>

namespace mcpgate::http {
namespace {

constexpr const char* kProxy = "10.0.0.1";
constexpr const char* kRefused = "(refused)";

std::vector<Network> trusted() {
  std::vector<Network> networks;
  for (const char* text : {"10.0.0.0/8", "2001:db8:1::/48"}) {
    if (const auto network = Network::parse(text)) {
      networks.push_back(*network);
    }
  }
  return networks;
}

std::string client(std::string_view peer, std::vector<Header> headers) {
  return client_address({.headers = headers, .peer = peer}, trusted()).value_or(kRefused);
}
std::string listed(std::string_view value) {
  return client(kProxy, {{"X-Forwarded-For", value}});
}
std::string forwarded(std::string_view value) {
  return client(kProxy, {{"Forwarded", value}});
}

TEST(ClientAddress, ItIsThePeersWhereNobodyTrustedSaysOtherwise) {
  EXPECT_EQ(client(kProxy, {}), kProxy);
  EXPECT_EQ(client("192.0.2.7", {{"X-Forwarded-For", "198.51.100.1"}}), "192.0.2.7");
  EXPECT_EQ(client("192.0.2.7", {{"Forwarded", "for=198.51.100.1"}}), "192.0.2.7");
  EXPECT_EQ(client("unix", {{"Forwarded", "for=198.51.100.1"}}), "unix");
  const std::vector<Header> headers{{"X-Forwarded-For", "198.51.100.1"}};
  EXPECT_EQ(client_address({.headers = headers, .peer = kProxy}, {}), kProxy);
}

// What a client has written itself stands left of what the first trusted proxy adds.
TEST(ClientAddress, TheFirstThatIsNotTrustedFromTheRightIsTheClient) {
  EXPECT_EQ(listed("198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(listed("127.0.0.1, 198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(listed("rubbish\", 198.51.100.1, 10.2.3.4,10.2.3.5"), "198.51.100.1");
  EXPECT_EQ(listed("10.9.9.9, 10.2.3.4"), "10.9.9.9");
  EXPECT_EQ(forwarded("for=127.0.0.1, for=198.51.100.1;proto=https"), "198.51.100.1");
  EXPECT_EQ(forwarded("for=\", for=198.51.100.1;;"), "198.51.100.1");
  EXPECT_EQ(client(kProxy, {{"x-forwarded-for", "198.51.100.2"},
                            {"X-FORWARDED-FOR", "198.51.100.1, 10.2.3.4"}}),
            "198.51.100.1");
}

TEST(ClientAddress, AnAddressIsReadInEachOfItsForms) {
  for (const char* node : {"198.51.100.1", "198.51.100.1:4711", "::ffff:198.51.100.1",
                           "[::ffff:198.51.100.1]", "[::ffff:198.51.100.1]:1"}) {
    EXPECT_EQ(listed(node), "198.51.100.1") << node;
  }
  EXPECT_EQ(listed("2001:DB8::0:1"), "2001:db8::1");
  EXPECT_EQ(forwarded(R"(proto=https ; For="[2001:db8::1]:4711" ; by=_gw;host="a,b;c")"),
            "2001:db8::1");
  EXPECT_EQ(forwarded(R"(for=198.51.100.1, for="[2001:db8:1::7]")"), "198.51.100.1");
}

TEST(ClientAddress, AProxyMayNotKnowIt) {
  EXPECT_EQ(listed("198.51.100.1, unknown, 10.2.3.4"), kUnknownAddress);
  EXPECT_EQ(forwarded("for=198.51.100.1, for=_hidden"), kUnknownAddress);
  EXPECT_EQ(forwarded("for=198.51.100.1, proto=https"), kUnknownAddress);
}

TEST(ClientAddress, WhatCannotBeReadIsRefused) {
  for (const char* value :
       {"x", "198.51.100.1.", "198.51.100.1:x", "[2001:db8::1", "[2001:db8::1]x", "198.51.100.1 1",
        "\"198.51.100.1\"", "1.2.3.4, 10.0.0.2, x"}) {
    EXPECT_EQ(listed(value), kRefused) << value;
  }
  for (const char* value :
       {"for", "for=", "for=x", "for=\"198.51.100.1", "for=198.51.100.1;for=198.51.100.1",
        R"(for=198.51.100.1;host="a\", for=198.51.100.2")",
        R"(for=198.51.100.1;host="a\", for=198.51.100.2, b=\"c")"}) {
    EXPECT_EQ(forwarded(value), kRefused) << value;
  }
  std::string hops = "198.51.100.1";
  for (std::size_t i = 1; i < kProxiesMax; ++i) {
    hops += ",10.0.0.2";
  }
  EXPECT_EQ(listed(hops), "198.51.100.1");
  EXPECT_EQ(listed(hops + ",10.0.0.2"), kRefused);
}

// A proxy that writes one field alone passes on what its client sent in the other.
TEST(ClientAddress, TheFieldsMayNotContradictEachOther) {
  const auto both = [](const char* list, const char* forward) {
    return client(kProxy, {{"X-Forwarded-For", list}, {"Forwarded", forward}});
  };
  EXPECT_EQ(both("198.51.100.1", "for=198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(both("198.51.100.1", "for=127.0.0.1"), kRefused);
  EXPECT_EQ(both("127.0.0.1", "for=198.51.100.1"), kRefused);
  EXPECT_EQ(both("198.51.100.1", "for=unknown"), kRefused);
  EXPECT_EQ(both("198.51.100.1, 10.2.3.4", "for=10.2.3.4"), "198.51.100.1");
  EXPECT_EQ(both("10.2.3.4", "for=198.51.100.1, for=10.2.3.4"), "198.51.100.1");
  EXPECT_EQ(both("198.51.100.1", "for=10.2.3.4"), "198.51.100.1");
  EXPECT_EQ(both("10.2.3.5, 10.2.3.4", "for=10.2.3.4"), "10.2.3.5");
}

}  // namespace
}  // namespace mcpgate::http
