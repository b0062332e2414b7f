#pragma once

// Whose access tokens are accepted, and with which keys they are verified.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/jwk.h"

namespace mcpgate::auth {

/// What the operator says of one issuer.
struct IssuerRules {
  /// Exactly as tokens spell it in `iss`.
  std::string issuer;
  /// A token's `aud` must have one of these.
  std::vector<std::string> audiences;
  /// Where the roles are: the name of a claim, or a path of names with dots between them.
  std::string roles_claim = "realm_access.roles";
  /// What a token's `scope` must have for any operation; empty: nothing.
  std::vector<std::string> scopes;

  friend bool operator==(const IssuerRules&, const IssuerRules&) = default;
};

/// One issuer with the keys that it has published.
struct Issuer {
  IssuerRules rules;
  /// Null: none were read yet, or they are too old to be relied on.
  std::shared_ptr<const JwkSet> keys;
};

/// All issuers at one moment: immutable, shared between threads, swapped whole.
struct IssuerTable {
  std::vector<Issuer> issuers;
  /// How far an issuer's clock may be from ours (RFC 7519, 4.1.4).
  std::chrono::milliseconds clock_skew{30'000};
  /// The longest access token that is looked at.
  std::size_t token_bytes_max = std::size_t{16} << 10;

  [[nodiscard]] const Issuer* find(std::string_view issuer) const {
    for (const Issuer& each : issuers) {
      if (each.rules.issuer == issuer) {
        return &each;
      }
    }
    return nullptr;
  }
};

}  // namespace mcpgate::auth
