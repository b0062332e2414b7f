#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mcpgate {

/// An IPv4 or IPv6 address. One of IPv4 that is mapped into IPv6 is the IPv4 one.
class IpAddress {
 public:
  /// Without port, brackets and zone; nothing for any other text.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  /// Of a socket; nothing for one of another family.
  [[nodiscard]] static std::optional<IpAddress> of(const sockaddr& address);
  [[nodiscard]] std::string to_string() const;

  /// What stands for all addresses that one subscriber has at least: of IPv4 the address itself, of
  /// IPv6 the first address of its /64 (RFC 6177: nobody gets less).
  [[nodiscard]] IpAddress subscriber() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  friend class Network;
  /// An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2).
  std::array<std::uint8_t, 16> bytes_{};
};

/// A network as people write it: `10.128.0.0/14`, `2001:db8::/32`, or one address.
class Network {
 public:
  /// Nothing where it is none, or where bits beyond the prefix are set: a slip of the pen.
  [[nodiscard]] static std::optional<Network> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Network&, const Network&) = default;

 private:
  IpAddress base_;
  /// Of the 128 bits of the mapped form.
  unsigned prefix_ = 0;
};

/// Whether an IP address, without port or brackets, is this machine's own: 127.0.0.0/8 (RFC 1122,
/// 3.2.1.3), ::1, or the former mapped into IPv6. Whole addresses only, in their usual form.
[[nodiscard]] bool is_loopback_address(std::string_view address);

/// Whether a host is this machine itself: `localhost`, or a loopback address. No other name is:
/// `127.0.0.1.example.com` and `127.example.com` are somebody else's.
[[nodiscard]] bool is_loopback_host(std::string_view host);

}  // namespace mcpgate
