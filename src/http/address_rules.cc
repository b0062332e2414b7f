#include "http/address_rules.h"

#include <algorithm>
#include <array>

namespace mcpgate::http {

namespace {

/// IPv4 that is not globally reachable (IANA IPv4 Special-Purpose Address Registry), and multicast.
constexpr std::array<std::string_view, 15> kSpecialV4{
    "0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",   "127.0.0.0/8",     "169.254.0.0/16",
    "172.16.0.0/12",  "192.0.0.0/24",  "192.0.2.0/24",    "192.31.196.0/24", "192.88.99.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",  "224.0.0.0/3"};
/// The same of 2000::/3, the only global unicast there is: protocol assignments with Teredo,
/// documentation, 6to4.
constexpr std::array<std::string_view, 4> kSpecialV6{"2001::/23", "2001:db8::/32", "2002::/16",
                                                     "3fff::/20"};

Network known(std::string_view text) {
  const auto network = Network::parse(text);
  MCPGATE_ASSERT(network);
  return *network;
}

template <std::size_t kCount>
std::array<Network, kCount> known(const std::array<std::string_view, kCount>& texts) {
  std::array<Network, kCount> networks;
  std::ranges::transform(texts, networks.begin(),
                         [](std::string_view text) { return known(text); });
  return networks;
}

bool is_global(const IpAddress& address) {
  static const auto kNotGlobalV4 = known(kSpecialV4);
  static const auto kNotGlobalV6 = known(kSpecialV6);
  static const Network kV4 = known("0.0.0.0/0");
  static const Network kGlobalUnicast = known("2000::/3");
  const auto holds_it = [&](const Network& network) { return network.contains(address); };
  if (holds_it(kV4)) {
    return std::ranges::none_of(kNotGlobalV4, holds_it);
  }
  return holds_it(kGlobalUnicast) && std::ranges::none_of(kNotGlobalV6, holds_it);
}

}  // namespace

Expected<AddressRules> AddressRules::create(std::span<const std::string> networks) {
  AddressRules rules;
  for (const std::string& text : networks) {
    const auto network = Network::parse(text);
    if (!network) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}: expected an IP address, or a network such as 10.0.0.0/8", text);
    }
    rules.listed_.push_back(*network);
  }
  return rules;
}

bool AddressRules::admits(const sockaddr& address) const {
  const auto ip = IpAddress::of(address);
  return ip && (is_global(*ip) || std::ranges::any_of(listed_, [&](const Network& network) {
                  return network.contains(*ip);
                }));
}

}  // namespace mcpgate::http
