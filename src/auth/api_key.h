#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/random.h"

namespace mcpgate::auth {

/// The public part of a key: 12 characters of a-z2-7, 60 random bits.
inline constexpr std::size_t kKeyIdLength = 12;
/// `mcpk_` + id + `_` + 43 characters of secret + 8 of checksum.
inline constexpr std::size_t kApiKeyLength = 5 + kKeyIdLength + 1 + 43 + 8;
/// How every key starts, by which secret scanners know one too.
inline constexpr std::string_view kApiKeyPrefix = "mcpk_";

/// An API key as its holder has it: `mcpk_<id>_<secret><crc>`.
///
/// `id` is public, logged, the handle of `keys revoke`. `secret` is 32 random bytes in base64url
/// (43 characters), shown once, stored only within the SHA-256 of the whole key: at 256 bits of
/// entropy a slow hash buys nothing and costs every request its latency (NIST SP 800-63B rev. 3,
/// 5.1.2.2: from 112 bits on, an approved one-way function suffices). `crc` is the CRC-32 of all
/// before it in hex, so that a mistyped or cut key is told apart without a lookup.
struct NewApiKey {
  std::string id;
  /// The whole key. A secret: to stdout once, never into a log, an error or an argument.
  std::string text;
  /// Of `text`: what is stored.
  Sha256Digest sha256;
};

[[nodiscard]] NewApiKey generate_api_key(Random& random);

/// Whether `text` is a key's public id.
[[nodiscard]] bool is_key_id(std::string_view text);

/// The id of a well-formed key, as a view into `text`; nothing when any character, the length or
/// the checksum is wrong.
[[nodiscard]] std::optional<std::string_view> parse_api_key(std::string_view text);

/// Whether the query of a request's target carries a credential: the parameter `access_token`,
/// `api_key`, `apikey`, `key`, `token` or `authorization`, or an API key anywhere in it,
/// percent-encoded or not. Such a request is refused with 400 `invalid_request` (RFC 6750, 2.3;
/// proxies and browsers keep URLs), whatever its header says.
[[nodiscard]] bool has_credential_in_query(std::string_view request_target);

}  // namespace mcpgate::auth
