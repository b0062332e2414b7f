#include "base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace mcpgate {

namespace {

constexpr unsigned kV6Bits = 128;
constexpr unsigned kMappedBits = 96;
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_v4(const std::array<std::uint8_t, 16>& bytes) {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // As long as any address is; inet_pton needs a terminated string.
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::ranges::copy(text, terminated.begin());
  IpAddress address;
  if (::inet_pton(AF_INET6, terminated.data(), address.bytes_.data()) == 1) {
    return address;
  }
  std::ranges::copy(kMapped, address.bytes_.begin());
  if (::inet_pton(AF_INET, terminated.data(), address.bytes_.data() + kMapped.size()) == 1) {
    return address;
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::of(const sockaddr& address) {
  IpAddress ip;
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(ip.bytes_.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    return ip;
  }
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::ranges::copy(kMapped, ip.bytes_.begin());
    std::memcpy(ip.bytes_.data() + kMapped.size(), &v4.sin_addr, sizeof v4.sin_addr);
    return ip;
  }
  return std::nullopt;
}

IpAddress IpAddress::subscriber() const {
  constexpr std::size_t kNetworkBytes = 8;
  IpAddress first = *this;
  if (!is_v4(bytes_)) {
    std::fill(first.bytes_.begin() + kNetworkBytes, first.bytes_.end(), std::uint8_t{0});
  }
  return first;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4(bytes_);
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? kMapped.size() : 0), text.data(),
              text.size());
  return text.data();
}

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) {
    return std::nullopt;
  }
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  Network network;
  network.base_ = *base;
  network.prefix_ = kV6Bits;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix_);
    const unsigned most = v4 ? kV6Bits - kMappedBits : kV6Bits;
    if (error != std::errc() || end != digits.data() + digits.size() || network.prefix_ > most ||
        (digits.size() > 1 && digits.front() == '0')) {
      return std::nullopt;
    }
    network.prefix_ += v4 ? kMappedBits : 0;
  }
  for (unsigned bit = network.prefix_; bit < kV6Bits; ++bit) {
    if (((base->bytes_[bit / 8] >> (7 - bit % 8)) & 1U) != 0) {
      return std::nullopt;
    }
  }
  return network;
}

bool Network::contains(const IpAddress& address) const {
  const std::size_t whole = prefix_ / 8;
  if (!std::equal(base_.bytes_.begin(), base_.bytes_.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.bytes_.begin())) {
    return false;
  }
  const unsigned rest = prefix_ % 8;
  return rest == 0 || (base_.bytes_[whole] >> (8 - rest)) == (address.bytes_[whole] >> (8 - rest));
}

std::string Network::to_string() const {
  const bool v4 = is_v4(base_.bytes_) && prefix_ >= kMappedBits;
  return prefix_ == kV6Bits
             ? base_.to_string()
             : fmt::format("{}/{}", base_.to_string(), prefix_ - (v4 ? kMappedBits : 0));
}

bool is_loopback_address(std::string_view address) {
  constexpr std::string_view kMappedPrefix = "::ffff:";
  if (address.starts_with(kMappedPrefix)) {
    address.remove_prefix(kMappedPrefix.size());
  }
  in_addr v4{};
  if (::inet_pton(AF_INET, std::string(address).c_str(), &v4) == 1) {
    constexpr unsigned kNetworkShift = 24;
    return ntohl(v4.s_addr) >> kNetworkShift == IN_LOOPBACKNET;
  }
  return address == "::1";
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || is_loopback_address(host);
}

}  // namespace mcpgate
