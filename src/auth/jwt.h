#pragma once

// What access tokens and DPoP proofs have in common: the compact form of a JSON Web Token (RFC
// 7519), taken apart. Nothing is verified here.

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// A token's three parts, still encoded. Views into it.
struct JwtParts {
  std::string_view header, payload, signature;
  /// Header and payload with the dot between them: what is signed.
  std::string_view signed_part;
};

/// Nothing unless there are exactly three, none of them empty. Their characters are
/// base64url_decode()'s to check.
[[nodiscard]] std::optional<JwtParts> split_jwt(std::string_view token);

/// A part's JSON object; views into the parser. A key twice is refused: two readers may take
/// different ones.
[[nodiscard]] std::optional<json::Object> parse_jwt_part(json::Parser& parser,
                                                         std::string_view part);

/// A NumericDate (RFC 7519, 2), in whole seconds; without `time` where it is missing, `is_wrong`
/// where it is none.
struct NumericDate {
  bool is_wrong = false;
  std::optional<WallTime> time;
};
[[nodiscard]] NumericDate date_at(json::Object claims, std::string_view name);

}  // namespace mcpgate::auth
