#include "gateway/session.h"

#include <charconv>

#include "base/digest.h"
#include "base/encoding.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPurpose = "mcp-session";

/// Issuer and subject are the identity; the name may change.
std::string identity_of(const Principal& principal) {
  return sha256_hex(principal.issuer + '\0' + principal.subject);
}

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string seal_session(const Sealer& sealer, const Principal& principal, WallTime now,
                         Random& random) {
  return sealer.seal(kPurpose,
                     identity_of(principal) + std::to_string(unix_seconds(now + kSessionLifetime)),
                     random);
}

bool is_session_of(const Sealer& sealer, std::string_view id, const Principal& principal,
                   WallTime now) {
  const auto content = sealer.open(kPurpose, id);
  const std::string identity = identity_of(principal);
  if (!content || !content->starts_with(identity)) {
    return false;
  }
  std::int64_t expires = 0;
  std::from_chars(content->data() + identity.size(), content->data() + content->size(), expires);
  return unix_seconds(now) < expires;
}

}  // namespace mcpgate::gateway
