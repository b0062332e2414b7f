#pragma once

// POST /oauth/backchannel-logout: an issuer tells that a session has ended (OpenID Connect
// Back-Channel Logout 1.0, 2.5 to 2.8).

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "auth/failure.h"
#include "auth/issuer.h"
#include "gateway/answer.h"
#include "http/message.h"

namespace mcpgate::gateway {

/// As records name it.
inline constexpr std::string_view kLogoutMethod = "logout";

/// Whether it is such a request, where there is an issuer at all. `issuers` may be null.
[[nodiscard]] bool is_logout(const http::Request& request, const auth::IssuerTable* issuers);

/// Whether its body, which comes from anybody, is as short as they are.
[[nodiscard]] bool has_logout_length(const http::Request& request);

/// The one `logout_token` of its form, or how the request is answered that has none.
[[nodiscard]] std::expected<std::string, Answer> logout_token_of(const http::Request& request);

/// The answers to a token, good and bad.
[[nodiscard]] Answer logged_out_answer();
[[nodiscard]] Answer logout_refused(const auth::AuthFailure& failure);

}  // namespace mcpgate::gateway
