#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/identity.h"
#include "base/random.h"
#include "base/seal.h"
#include "gateway/answer.h"
#include "gateway/parts.h"
#include "gateway/visit.h"
#include "mcp/input.h"

namespace mcpgate::gateway {

/// The header that carries a session id.
inline constexpr std::string_view kSessionHeader = "Mcp-Session-Id";

/// How long a session id of the legacy era is good. Clients start anew on 404.
inline constexpr std::chrono::hours kSessionLifetime{24};

/// What a session id says.
struct Session {
  /// What its client said it can be asked.
  mcp::ClientCapabilities client;
  /// The replica in which it lives, as Home writes it; empty where there is but one.
  std::string home = {};
};

/// A session id: sealed, bound to its principal, expiring. Nothing is kept for it, so any replica
/// knows it, and a client that never says goodbye costs nothing.
[[nodiscard]] std::string seal_session(const Sealer& sealer, const Principal& principal,
                                       const Session& session, WallTime now, Random& random);

/// Nothing where `id` is no session of this principal or has expired.
[[nodiscard]] std::optional<Session> open_session(const Sealer& sealer, std::string_view id,
                                                  const Principal& principal, WallTime now);

/// Which session something belongs to that a client carries: the id itself would double it.
[[nodiscard]] std::string session_mark(std::string_view id);

/// What a request of the legacy era needs of its session.
enum class SessionNeed { kIfNamed, kAlways };
/// Why it may not go on in the session that its header names: that is missing though needed (400),
/// or is no session of this principal (any more, 404). Nothing where it may; then `visit` learns
/// what the session's client can be asked, and in which other replica it lives.
[[nodiscard]] std::optional<Answer> refuse_session(const GatewayParts& parts, Visit& visit,
                                                   SessionNeed need);

}  // namespace mcpgate::gateway
