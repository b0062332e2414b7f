#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace mcpgate::mcp {

/// The revisions of the protocol that are served, oldest first.
enum class Revision { k20250326, k20250618, k20251125, k20260728 };

/// Legacy: a handshake, then messages that lean on it. Modern: each request carries its own
/// envelope. Both are served at one endpoint; the body of a request decides which it is.
enum class Era { kLegacy, kModern };

inline constexpr std::array kRevisions{Revision::k20250326, Revision::k20250618,
                                       Revision::k20251125, Revision::k20260728};
inline constexpr Revision kNewestLegacy = Revision::k20251125;
inline constexpr Revision kNewest = Revision::k20260728;

[[nodiscard]] constexpr std::string_view to_string(Revision revision) {
  switch (revision) {
    case Revision::k20250326:
      return "2025-03-26";
    case Revision::k20250618:
      return "2025-06-18";
    case Revision::k20251125:
      return "2025-11-25";
    case Revision::k20260728:
      return "2026-07-28";
  }
  return "";
}

[[nodiscard]] constexpr std::optional<Revision> parse_revision(std::string_view text) {
  for (const Revision revision : kRevisions) {
    if (to_string(revision) == text) {
      return revision;
    }
  }
  return std::nullopt;
}

[[nodiscard]] constexpr Era era_of(Revision revision) {
  return revision >= Revision::k20260728 ? Era::kModern : Era::kLegacy;
}

}  // namespace mcpgate::mcp
