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

std::optional<Answer> refuse_session(const GatewayParts& parts, Visit& visit, SessionNeed need) {
  const auto session = visit.request.header(kSessionHeader);
  if (!session) {
    return need == SessionNeed::kIfNamed
               ? std::nullopt
               : std::optional(refusal_answer(400, "Mcp-Session-Id is missing: initialize first."));
  }
  const auto client = open_session(*visit.snapshot->settings->sealer, *session, *visit.principal,
                                   parts.clock.wall_now());
  if (client && !parts.sessions.has_ended(*session)) {
    visit.client = *client;
    return std::nullopt;
  }
  return refusal_answer(404, "This session is unknown or has ended; initialize again.");
}

}  // namespace mcpgate::gateway
