#include "http/address_rules.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "http/testing.h"

namespace mcpgate::http {
namespace {

bool admits(const AddressRules& rules, const std::string& text) {
  sockaddr_storage storage{};
  if (text.contains(':')) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &v4.sin_addr), 1) << text;
  }
  return rules.admits(reinterpret_cast<const sockaddr&>(storage));
}

AddressRules rules_of(std::vector<std::string> networks) {
  auto rules = AddressRules::create(networks);
  EXPECT_TRUE(rules);
  return *std::move(rules);
}

TEST(AddressRules, OnlyWhatAllOfTheInternetReaches) {
  const AddressRules rules;
  for (const char* address : {"1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "11.0.0.0",
                              "2606:4700::1111", "::ffff:1.1.1.1"}) {
    EXPECT_TRUE(admits(rules, address)) << address;
  }
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.255.255",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "198.19.0.1",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:127.0.0.1",
                              "::ffff:169.254.169.254",
                              "::127.0.0.1",
                              "64:ff9b::a9fe:a9fe",
                              "2002:7f00:1::",
                              "2001:0:1::",
                              "fc00::1",
                              "fd12::1",
                              "fe80::1",
                              "fec0::1",
                              "ff02::1",
                              "2001:db8::1"}) {
    EXPECT_FALSE(admits(rules, address)) << address;
  }
}

TEST(AddressRules, AndWhatIsListed) {
  const AddressRules rules =
      rules_of({"10.1.0.0/20", "127.0.0.1", "fd00:1::/32", "192.168.3.0/25"});
  for (const char* address : {"10.1.0.1", "10.1.15.255", "127.0.0.1", "::ffff:10.1.2.3",
                              "fd00:1:2::1", "192.168.3.127", "8.8.8.8"}) {
    EXPECT_TRUE(admits(rules, address)) << address;
  }
  for (const char* address :
       {"10.1.16.0", "10.2.0.1", "127.0.0.2", "fd00:2::1", "192.168.3.128", "169.254.169.254"}) {
    EXPECT_FALSE(admits(rules, address)) << address;
  }
  EXPECT_TRUE(admits(rules_of({"0.0.0.0/0"}), "10.0.0.1"));
  EXPECT_FALSE(admits(rules_of({"0.0.0.0/0"}), "::1"));
}

TEST(AddressRules, WhatIsNoNetworkIsRefused) {
  for (const char* text : {"", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129",
                           "10.0.0.0/8x", "10.0.0.1/8", "localhost", "10.0.0.256", "/8"}) {
    const std::vector<std::string> one{text};
    EXPECT_FALSE(AddressRules::create(one)) << text;
  }
}

TEST(AddressRules, AClientConnectsNowhereElse) {
  TestServer server;
  server.start();
  const auto fetched = [&](std::string url, std::vector<std::string> networks) {
    LoopThread loop;
    Client client(loop.context(), *Endpoint::parse(url),
                  {.admitted = std::make_shared<const AddressRules>(rules_of(networks))});
    auto answer = loop.run(client.fetch({}, 1000));
    loop.call([] {});
    loop.stop();
    return answer;
  };
  const std::string port = server.address.substr(server.address.rfind(':'));
  EXPECT_TRUE(fetched("http://127.0.0.1" + port, {"127.0.0.0/8"}));
  // By its address, and by a name that resolves to it.
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const auto refused = fetched("http://" + host + port, {"10.0.0.0/8"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
    EXPECT_TRUE(refused.error().message.contains("no address that may be connected to"))
        << refused.error().message;
  }
  EXPECT_EQ(server.connections(), 0U);
}

}  // namespace
}  // namespace mcpgate::http
