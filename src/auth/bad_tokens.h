#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"

namespace mcpgate::auth {

/// How many bad tokens each peer has had verified on one loop in this second: a signature takes far
/// longer than all else that a request without a credential costs, and anybody may send one.
///
/// A peer is an address, of IPv6 the /64 that it is in (IpAddress::subscriber()). Nothing is
/// forgotten before the second is over, so who has many addresses cannot have their own count
/// forgotten; peers that find no room share one count. So a loop verifies at most
/// per_peer · (peers_max + 1) bad tokens in a second, whoever sends them.
class BadTokens {
 public:
  struct Limits {
    /// Of one peer, in a second.
    std::size_t per_peer = 20;
    /// Peers that are counted apart.
    std::size_t peers_max = 128;
  };

  /// Whether `peer`, an IP address, may have another token verified that might be bad. What is no
  /// address, as of a proxy that hides its client, is one peer.
  [[nodiscard]] bool has_room_for(std::string_view peer, const Limits& limits, WallTime now) const;
  /// A token of `peer` was verified, and was bad.
  void count(std::string_view peer, const Limits& limits, WallTime now);
  /// A request was refused since there was no room.
  void count_refusal() { refused_.fetch_add(1, std::memory_order_relaxed); }

  /// Since the start. Any thread.
  [[nodiscard]] std::uint64_t found() const { return found_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] bool is_this_second(WallTime now) const;

  std::int64_t second_ = 0;
  std::map<IpAddress, std::size_t> counts_;
  /// Of the peers that found no room in counts_.
  std::size_t others_ = 0;
  std::atomic<std::uint64_t> found_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace mcpgate::auth
