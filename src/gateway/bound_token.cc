#include "gateway/bound_token.h"

#include <charconv>

#include "base/digest.h"
#include "base/encoding.h"

namespace mcpgate::gateway {

namespace {

/// Issuer and subject are the identity; the name may change.
std::string identity_of(const Principal& principal) {
  return sha256_hex(principal.issuer + '\0' + principal.subject);
}

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

// Form: identity, 64 hex digits; expiry, unix seconds; a space; the content.
std::string seal_bound(const Sealer& sealer, std::string_view purpose, const Principal& principal,
                       WallTime expires, std::string_view content, Random& random) {
  std::string text = identity_of(principal) + std::to_string(unix_seconds(expires)) + ' ';
  return sealer.seal(purpose, text.append(content), random);
}

std::optional<std::string> open_bound(const Sealer& sealer, std::string_view purpose,
                                      std::string_view token, const Principal& principal,
                                      WallTime now) {
  const auto text = sealer.open(purpose, token);
  const std::string identity = identity_of(principal);
  if (!text || !text->starts_with(identity)) {
    return std::nullopt;
  }
  std::int64_t expires = 0;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data() + identity.size(), end, expires);
  if (error != std::errc{} || rest == end || unix_seconds(now) >= expires) {
    return std::nullopt;
  }
  return std::string(rest + 1, end);
}

}  // namespace mcpgate::gateway
