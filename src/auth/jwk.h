#pragma once

// The public keys of an issuer: a JWK Set (RFC 7517), as far as it can verify access tokens.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/parse.h"

struct evp_pkey_st;

namespace mcpgate::auth {

/// The largest JWK Set that is read: 256 KiB. Real ones have a few keys and a few KiB.
inline constexpr std::size_t kJwksBytesMax = std::size_t{256} << 10;
/// Keys of one set that are looked at.
inline constexpr std::size_t kJwksKeysMax = 64;
/// The longest `kid`, of a key and of a token.
inline constexpr std::size_t kKeyIdBytesMax = 256;

/// The signatures that are accepted: asymmetric ones only, so that what is public verifies and
/// never signs. No `none`, no HMAC, no RS384 and its like, which nobody needs (RFC 8725, 3.1).
enum class JwsAlgorithm { kRs256, kPs256, kEs256, kEdDsa };

/// Their names in their order, in exactly this spelling (RFC 7515, 4.1.1). EdDSA is Ed25519's.
inline constexpr std::array<std::string_view, 4> kJwsAlgorithmNames{"RS256", "PS256", "ES256",
                                                                    "EdDSA"};
/// The one of that name.
[[nodiscard]] std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name);

/// One public key and what it may verify: the type of the key decides, not the token.
class VerificationKey {
 public:
  /// From one JWK. Takes RSA of 2048 to 4096 bits, P-256 and Ed25519.
  ///
  /// Errors: kInvalidArgument, saying why the key cannot be used: another type, curve or size,
  /// another `use`, `key_ops` or `alg`, a private key or a part of one.
  [[nodiscard]] static Expected<VerificationKey> parse(json::Object jwk);

  /// Empty where the key has none.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool can_verify(JwsAlgorithm algorithm) const;
  /// Whether `signature`, as a JWS carries it, is this key's over `message`. False too for an
  /// algorithm that it cannot verify. Thread-safe.
  [[nodiscard]] bool verify(JwsAlgorithm algorithm, std::string_view message,
                            std::span<const std::uint8_t> signature) const;

 private:
  VerificationKey(std::string id, std::vector<JwsAlgorithm> algorithms,
                  std::shared_ptr<evp_pkey_st> key)
      : id_(std::move(id)), algorithms_(std::move(algorithms)), key_(std::move(key)) {}

  std::string id_;
  std::vector<JwsAlgorithm> algorithms_;
  std::shared_ptr<evp_pkey_st> key_;
};

/// The base64url of the SHA-256 by which a token names the key that it is bound to (RFC 7638). Of a
/// key that VerificationKey::parse() takes.
[[nodiscard]] std::string jwk_thumbprint(json::Object jwk);

/// The keys of one issuer at one moment. Immutable, shared between threads.
class JwkSet {
 public:
  /// Keys that cannot be used are left out: issuers publish keys for encryption, and of algorithms
  /// to come, in the same set.
  ///
  /// Errors: kInvalidArgument (not a JWK Set), kResourceExhausted (above kJwksBytesMax or
  /// kJwksKeysMax).
  [[nodiscard]] static Expected<JwkSet> parse(std::string_view text);

  /// The key of that id that can verify `algorithm`. Without an id the only one that can, if it is
  /// the only one. Null where there is none.
  [[nodiscard]] const VerificationKey* find(const std::optional<std::string>& id,
                                            JwsAlgorithm algorithm) const;
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  /// Why a key was left out, one entry each.
  [[nodiscard]] const std::vector<std::string>& unusable() const { return unusable_; }

 private:
  std::vector<VerificationKey> keys_;
  std::vector<std::string> unusable_;
};

}  // namespace mcpgate::auth
