#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "auth/failure.h"
#include "auth/issuer.h"
#include "auth/logouts.h"
#include "base/clock.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// What an issuer says with a logout token, and of whom: for the record.
struct LogoutOrder {
  Logout logout;
  std::string issuer;
  /// Empty where the token names a session alone.
  std::string subject;
};

/// Reads a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6). With a session it
/// ends that one, else all of its subject.
///
/// The same token twice is no harm, so that its `jti` is not remembered.
[[nodiscard]] std::expected<LogoutOrder, AuthFailure> verify_logout_token(
    json::Parser& parser, const IssuerTable& issuers, std::string_view token, WallTime now);

}  // namespace mcpgate::auth
