#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/identity.h"
#include "base/random.h"
#include "base/seal.h"
#include "mcp/input.h"

namespace mcpgate::gateway {

/// The header that carries a session id.
inline constexpr std::string_view kSessionHeader = "Mcp-Session-Id";

/// How long a session id of the legacy era is good. Clients start anew on 404.
inline constexpr std::chrono::hours kSessionLifetime{24};

/// A session id: sealed, bound to its principal, expiring, with what its client said it can be
/// asked. Nothing is kept for it, so any replica knows it, and a client that never says goodbye
/// costs nothing.
[[nodiscard]] std::string seal_session(const Sealer& sealer, const Principal& principal,
                                       const mcp::ClientCapabilities& client, WallTime now,
                                       Random& random);

/// Whether `id` is a session of this principal that has not expired.
[[nodiscard]] bool is_session_of(const Sealer& sealer, std::string_view id,
                                 const Principal& principal, WallTime now);

/// What its client can be asked; nothing where `id` is no session of this principal
/// or has expired.
[[nodiscard]] std::optional<mcp::ClientCapabilities> open_session(const Sealer& sealer,
                                                                  std::string_view id,
                                                                  const Principal& principal,
                                                                  WallTime now);

}  // namespace mcpgate::gateway
