#pragma once

// What access tokens and logout tokens have in common: a JSON Web Token that an issuer has signed.

#include <cstddef>
#include <expected>
#include <optional>
#include <string_view>

#include "auth/failure.h"
#include "auth/issuer.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// The largest token that any configuration can allow; a decoded part is smaller.
inline constexpr std::size_t kTokenPartBytesMax = std::size_t{64} << 10;

/// A token that was found to be of an issuer.
struct IssuedToken {
  /// One of the table.
  const Issuer* issuer;
  /// Views into the parser.
  json::Object claims;
};

/// Whether a token is of the wanted kind by its `typ`: lower case, without `application/`, empty
/// where it has none.
using IsWantedType = bool (*)(std::string_view type);

/// Who has signed the token, and what it says: to be judged by whoever asks. `iss` alone is
/// believed before, to find the key (RFC 8725, 3.8).
[[nodiscard]] std::expected<IssuedToken, AuthFailure> verify_issued(json::Parser& parser,
                                                                    const IssuerTable& issuers,
                                                                    std::string_view token,
                                                                    IsWantedType is_wanted);

/// Calls `use` with each string of a claim that is one string or a list of them.
template <class Use>
void for_each_string(std::optional<json::Element> claim, const Use& use) {
  if (!claim) {
    return;
  }
  if (const auto one = json::as_string(*claim)) {
    use(*one);
  } else if (const auto many = json::as_array(*claim)) {
    for (const json::Element each : *many) {
      if (const auto text = json::as_string(each)) {
        use(*text);
      }
    }
  }
}

}  // namespace mcpgate::auth
