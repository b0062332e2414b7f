#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/identity.h"
#include "base/random.h"
#include "base/seal.h"

namespace mcpgate::gateway {

/// Seals `content` for a client to carry: bound to `purpose` and to its principal, good until
/// `expires`. Nothing is kept for it, so any replica opens it. Possession proves nothing: a token
/// of another principal does not open.
[[nodiscard]] std::string seal_bound(const Sealer& sealer, std::string_view purpose,
                                     const Principal& principal, WallTime expires,
                                     std::string_view content, Random& random);

/// The content of a token that this gateway, or another replica, sealed for this purpose and
/// principal and that has not expired; nothing for anything else.
[[nodiscard]] std::optional<std::string> open_bound(const Sealer& sealer, std::string_view purpose,
                                                    std::string_view token,
                                                    const Principal& principal, WallTime now);

}  // namespace mcpgate::gateway
