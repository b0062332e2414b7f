#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"

namespace mcpgate::auth {

/// What a store keeps of one API key; never the key itself. docs/reference/api-keys.md describes
/// its JSON form, which is the same in a file and in a Kubernetes Secret.
struct KeyRecord {
  std::string id;
  Sha256Digest sha256{};
  std::string user;
  std::vector<std::string> roles;
  WallTime created;
  /// Valid before this moment; nothing: for ever.
  std::optional<WallTime> expires;
  /// Valid from this moment on.
  std::optional<WallTime> not_before;
  std::optional<WallTime> revoked;
  /// The id of the key that took over; `expires` is then the end of the overlap.
  std::string replaced_by;
  std::string note;
  /// The same person's id in Keycloak, whom KeyOwners tells about; empty: the key is not linked.
  std::string keycloak_user;

  friend bool operator==(const KeyRecord&, const KeyRecord&) = default;
};

/// The largest stored record.
inline constexpr std::size_t kKeyRecordBytesMax = std::size_t{16} * 1024;
inline constexpr std::size_t kKeyUserLengthMax = 256;
inline constexpr std::size_t kKeyNoteLengthMax = 1024;
inline constexpr std::size_t kKeyRolesMax = 64;
inline constexpr std::size_t kRoleLengthMax = 128;

enum class KeyState { kActive, kNotYetValid, kExpired, kRevoked };

/// `active`, `not-yet-valid`, `expired` or `revoked`: the column `state` of `keys list`.
[[nodiscard]] std::string_view to_string(KeyState state);

/// Revoked wins over expired, expired over not yet valid.
[[nodiscard]] KeyState state_of(const KeyRecord& key, WallTime now);

/// Whether a user, a note or a role may be stored: UTF-8 without control characters, not empty
/// where it must not be, within its limit; a role also has no comma and no space. Errors name the
/// field.
[[nodiscard]] Expected<void> check_key_record(const KeyRecord& key);

[[nodiscard]] std::string to_json(const KeyRecord& key);
/// Strict: closed schema, every field of its type, check_key_record() passes. Errors
/// (kInvalidArgument) name the field and never its value.
[[nodiscard]] Expected<KeyRecord> parse_key_record(std::string_view json);

}  // namespace mcpgate::auth
