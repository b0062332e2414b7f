#include "http/address_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace mcpgate::http {

namespace {

constexpr unsigned kMappedBits = 96;

/// IPv4 that is not globally reachable (IANA IPv4 Special-Purpose Address Registry), and multicast.
constexpr std::array<std::string_view, 15> kSpecialV4{
    "0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",   "127.0.0.0/8",     "169.254.0.0/16",
    "172.16.0.0/12",  "192.0.0.0/24",  "192.0.2.0/24",    "192.31.196.0/24", "192.88.99.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",  "224.0.0.0/3"};
/// The same of 2000::/3, the only global unicast there is: protocol assignments with Teredo,
/// documentation, 6to4.
constexpr std::array<std::string_view, 4> kSpecialV6{"2001::/23", "2001:db8::/32", "2002::/16",
                                                     "3fff::/20"};

}  // namespace

Expected<AddressRules::Network> AddressRules::parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string address(text.substr(0, slash));
  Network network;
  const bool is_v4 = !address.contains(':');
  if (is_v4) {
    network.base[10] = network.base[11] = 0xff;
  }
  const bool is_address = ::inet_pton(is_v4 ? AF_INET : AF_INET6, address.c_str(),
                                      network.base.data() + (is_v4 ? 12 : 0)) == 1;
  const unsigned bits_max = is_v4 ? 32 : 128;
  unsigned bits = bits_max;
  if (slash < text.size()) {
    const std::string_view count = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), bits);
    if (error != std::errc{} || end != count.data() + count.size()) {
      bits = bits_max + 1;
    }
  }
  if (!is_address || bits > bits_max) {
    return fail(ErrorCode::kInvalidArgument, "{}: expected an IP address or a network: 10.0.0.0/8",
                text);
  }
  network.bits = bits + (is_v4 ? kMappedBits : 0);
  return network;
}

Expected<AddressRules> AddressRules::create(std::span<const std::string> networks) {
  AddressRules rules;
  for (const std::string& network : networks) {
    rules.listed_.push_back(TRY(parse(network)));
  }
  return rules;
}

bool AddressRules::holds(const Network& network, const Bytes& address) {
  const unsigned whole = network.bits / 8;
  const unsigned rest = network.bits % 8;
  if (!std::equal(address.begin(), address.begin() + whole, network.base.begin())) {
    return false;
  }
  return rest == 0 || (address[whole] ^ network.base[whole]) >> (8 - rest) == 0;
}

bool AddressRules::is_global(const Bytes& address) {
  static const auto networks = [](std::span<const std::string_view> texts) {
    std::vector<Network> parsed;
    for (const std::string_view text : texts) {
      parsed.push_back(*parse(text));
    }
    return parsed;
  };
  static const std::vector<Network> special_v4 = networks(kSpecialV4);
  static const std::vector<Network> special_v6 = networks(kSpecialV6);
  static const Network mapped = *parse("::ffff:0:0/96");
  static const Network global_unicast = *parse("2000::/3");
  const auto is_in = [&](const Network& network) { return holds(network, address); };
  if (is_in(mapped)) {
    return std::ranges::none_of(special_v4, is_in);
  }
  return is_in(global_unicast) && std::ranges::none_of(special_v6, is_in);
}

bool AddressRules::admits(const sockaddr& address) const {
  Bytes bytes{};
  if (address.sa_family == AF_INET) {
    bytes[10] = bytes[11] = 0xff;
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::memcpy(bytes.data() + 12, &v4.sin_addr, 4);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(bytes.data(), &v6.sin6_addr, 16);
  } else {
    return false;
  }
  return is_global(bytes) || std::ranges::any_of(listed_, [&](const Network& network) {
           return holds(network, bytes);
         });
}

}  // namespace mcpgate::http
