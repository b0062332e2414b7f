#pragma once

#include <string>

namespace mcpgate::auth {

/// As whom the gateway asks an issuer.
struct IssuerClient {
  std::string id;
  /// Never to be logged.
  std::string secret;

  friend bool operator==(const IssuerClient&, const IssuerClient&) = default;
};

/// The value of `Authorization` that says so (RFC 6749, 2.3.1).
[[nodiscard]] std::string basic_credentials(const IssuerClient& client);

}  // namespace mcpgate::auth
