#pragma once

#include <sys/socket.h>

#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"

namespace mcpgate::http {

/// Which addresses a client may connect to, so that a name which somebody else controls does not
/// lead into the network that this process stands in (server-side request forgery): those that are
/// reachable from all of the internet by the IANA special-purpose address registries, and the
/// networks that the operator lists.
///
/// It is asked about the very address that is connected to, at each connection: a name that
/// resolves to another one the second time (DNS rebinding) gains nothing.
class AddressRules {
 public:
  /// `networks` are addresses and networks: `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`. kInvalidArgument
  /// names the one that is none.
  [[nodiscard]] static Expected<AddressRules> create(std::span<const std::string> networks);

  /// IPv4 in any of its IPv6 forms counts as what it embeds, or is refused.
  [[nodiscard]] bool admits(const sockaddr& address) const;

  friend bool operator==(const AddressRules&, const AddressRules&) = default;

 private:
  std::vector<Network> listed_;
};

}  // namespace mcpgate::http
