#include "gateway/session.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "gateway/bound_token.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPurpose = "mcp-session";
constexpr std::size_t kMarkDigits = 16;

}  // namespace

std::string seal_session(const Sealer& sealer, const Principal& principal, const Session& session,
                         WallTime now, Random& random) {
  // Two sessions of one principal in one second differ by the seal's nonce.
  return seal_bound(sealer, kPurpose, principal, now + kSessionLifetime,
                    session.client.to_word() + ' ' + session.home, random);
}

std::optional<Session> open_session(const Sealer& sealer, std::string_view id,
                                    const Principal& principal, WallTime now) {
  const auto content = open_bound(sealer, kPurpose, id, principal, now);
  if (!content) {
    return std::nullopt;
  }
  const std::size_t word = std::min(content->find(' '), content->size());
  return Session{.client = mcp::ClientCapabilities::from_word(content->substr(0, word)),
                 .home = content->substr(std::min(word + 1, content->size()))};
}

std::string session_mark(std::string_view id) {
  return sha256_hex(id).substr(0, kMarkDigits);
}

std::optional<Answer> refuse_session(const GatewayParts& parts, Visit& visit, SessionNeed need) {
  const auto session = visit.request.header(kSessionHeader);
  if (!session) {
    return need == SessionNeed::kIfNamed
               ? std::nullopt
               : std::optional(refusal_answer(400, "Mcp-Session-Id is missing: initialize first."));
  }
  auto known = open_session(*visit.snapshot->settings->sealer, *session, *visit.principal,
                            parts.clock.wall_now());
  if (known && !parts.sessions.has_ended(*session)) {
    visit.client = known->client;
    if (known->home != parts.home) {
      visit.home = std::move(known->home);
    }
    return std::nullopt;
  }
  return refusal_answer(404, "This session is unknown or has ended; initialize again.");
}

}  // namespace mcpgate::gateway
