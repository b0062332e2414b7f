#pragma once

// Access tokens of an issuer: JSON Web Tokens (RFC 7519, RFC 9068), verified here, without asking
// anybody.

#include <array>
#include <cstddef>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "auth/failure.h"
#include "auth/issuer.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/identity.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// Tokens that were verified, by their SHA-256, so that each is verified once. Bounded: of two
/// halves the older one goes when the younger is full, and what is still used moves over. Only
/// valid tokens enter, so nobody without one can make it forget.
class TokenCache {
 public:
  struct Entry {
    std::shared_ptr<const Principal> principal;
    WallTime not_before;
    WallTime expires;
  };

  /// Holds `entries_max` at most; 0 remembers nothing.
  explicit TokenCache(std::size_t entries_max) : half_(entries_max / 2) {}

  /// Valid until the next call.
  [[nodiscard]] const Entry* find(const Sha256Digest& token);
  void insert(const Sha256Digest& token, Entry entry);
  void clear();
  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  /// A digest is as good a hash as there is.
  struct DigestHash {
    std::size_t operator()(const Sha256Digest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  using Half = std::unordered_map<Sha256Digest, Entry, DigestHash>;

  std::size_t half_;
  Half young_;
  Half old_;
};

/// Verifies access tokens on one loop, and remembers those that were good.
class AccessTokenVerifier {
 public:
  explicit AccessTokenVerifier(std::size_t cache_entries_max = 10'000);

  /// Whose token it is. `issuers` may be another table at each call: then what was remembered by
  /// the one before is forgotten, since its keys may be gone.
  ///
  /// Of a token that is not verified nothing is believed: its `iss` only says with whose keys it is
  /// to be verified.
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> verify(
      const std::shared_ptr<const IssuerTable>& issuers, std::string_view token, WallTime now);

  [[nodiscard]] std::size_t remembered() const { return cache_.size(); }

 private:
  [[nodiscard]] std::expected<TokenCache::Entry, AuthFailure> verify_anew(
      const IssuerTable& issuers, std::string_view token, WallTime now);

  std::shared_ptr<const IssuerTable> issuers_;
  TokenCache cache_;
  json::Parser parser_;
};

}  // namespace mcpgate::auth
