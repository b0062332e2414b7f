#pragma once

// Whose access tokens are accepted, and with which keys they are verified.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/bad_tokens.h"
#include "auth/issuer_client.h"
#include "auth/jwk.h"
#include "auth/seen_proofs.h"
#include "http/tls.h"

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
  /// Of whose sessions it may tell that they have ended (the `aud` of its logout tokens); empty: of
  /// any client's, which says as truly that the session has ended.
  std::vector<std::string> logout_clients = {};
  /// Whether tokens must be bound to a key (RFC 9449); those that are have to be proven anyway.
  bool dpop_required = false;

  friend bool operator==(const IssuerRules&, const IssuerRules&) = default;
};

/// Where an issuer says whether a token is still good (RFC 7662), and as whom it is asked.
struct IntrospectionEndpoint {
  /// As its discovery document has it; empty: not read yet.
  std::string url;
  IssuerClient client;
  /// Whom to trust for https.
  std::shared_ptr<http::TlsClient> tls;
  /// Whether it is asked about each token. Else about opaque ones, and where what is to be used
  /// needs it.
  bool always = true;
};

/// One issuer with the keys that it has published.
struct Issuer {
  IssuerRules rules;
  /// Null: none were read yet, or they are too old to be relied on.
  std::shared_ptr<const JwkSet> keys;
  /// Null: what was verified here is good to its end, and the issuer is not asked.
  std::shared_ptr<const IntrospectionEndpoint> introspection = nullptr;
};

/// All issuers at one moment: immutable, shared between threads, swapped whole.
struct IssuerTable {
  std::vector<Issuer> issuers;
  /// How far an issuer's clock may be from ours (RFC 7519, 4.1.4).
  std::chrono::milliseconds clock_skew{30'000};
  /// The longest access token that is looked at, and the longest DPoP proof.
  std::size_t token_bytes_max = std::size_t{16} << 10;
  /// How long what an issuer said of a token is relied on.
  std::chrono::milliseconds introspection_cache{10'000};
  /// How long it may take to say it, and how many questions a loop may have open.
  std::chrono::milliseconds introspection_timeout{3'000};
  std::size_t introspections_max = 64;
  /// What is remembered of the proofs beside tokens that are bound to a key.
  SeenProofs::Limits proofs;
  /// How many bad tokens are verified.
  BadTokens::Limits bad_tokens = {};

  [[nodiscard]] const Issuer* find(std::string_view issuer) const {
    for (const Issuer& each : issuers) {
      if (each.rules.issuer == issuer) {
        return &each;
      }
    }
    return nullptr;
  }

  /// Who is asked about a token that says nothing itself; null: nobody.
  [[nodiscard]] const Issuer* asked_about_opaque() const {
    for (const Issuer& each : issuers) {
      if (each.introspection) {
        return &each;
      }
    }
    return nullptr;
  }
};

}  // namespace mcpgate::auth
