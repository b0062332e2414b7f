#include "gateway/session.h"

#include "gateway/bound_token.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPurpose = "mcp-session";

}  // namespace

std::string seal_session(const Sealer& sealer, const Principal& principal,
                         const mcp::ClientCapabilities& client, WallTime now, Random& random) {
  // Two sessions of one principal in one second differ by the seal's nonce.
  return seal_bound(sealer, kPurpose, principal, now + kSessionLifetime, client.to_word(), random);
}

std::optional<mcp::ClientCapabilities> open_session(const Sealer& sealer, std::string_view id,
                                                    const Principal& principal, WallTime now) {
  const auto word = open_bound(sealer, kPurpose, id, principal, now);
  return word ? std::optional(mcp::ClientCapabilities::from_word(*word)) : std::nullopt;
}

bool is_session_of(const Sealer& sealer, std::string_view id, const Principal& principal,
                   WallTime now) {
  return open_session(sealer, id, principal, now).has_value();
}

}  // namespace mcpgate::gateway
