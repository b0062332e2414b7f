#include "gateway/session.h"

#include "gateway/bound_token.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPurpose = "mcp-session";

}  // namespace

std::string seal_session(const Sealer& sealer, const Principal& principal, WallTime now,
                         Random& random) {
  // Two sessions of one principal in one second differ by the seal's nonce.
  return seal_bound(sealer, kPurpose, principal, now + kSessionLifetime, "", random);
}

bool is_session_of(const Sealer& sealer, std::string_view id, const Principal& principal,
                   WallTime now) {
  return open_bound(sealer, kPurpose, id, principal, now).has_value();
}

}  // namespace mcpgate::gateway
